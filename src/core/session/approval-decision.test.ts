import { describe, expect, it } from "vitest";
import type { AuthorityQuestion, Question } from "../model/policy.ts";
import {
  ALLOW,
  approvalKind,
  approve,
  callCommand,
  DENY,
  needing,
  openWorld,
  previewed,
  sha256,
  SILENT,
  World,
  worldOf,
  writeTool,
} from "../testing.ts";
import type { Approval } from "./state.ts";

/** Who may decide a request, and who may not. */

function asked(...kinds: readonly string[]): { world: World; request: Approval } {
  const world = worldOf([writeTool({ preview: ["ticket", "secret"] })], {
    approvalKinds: [
      approvalKind("finance"),
      approvalKind("legal"),
      approvalKind("own", { selfApproval: true }),
    ],
  });
  world.script = needing(...(kinds.length > 0 ? kinds : ["finance"]));
  world.submit(callCommand("call_1", { tool: "tickets_open" }));
  world.submit(previewed("call_1", { classes: ["secret", "ticket"] }));
  return { world, request: world.state.approvals[0]! };
}

function refused(world: World, command: ReturnType<typeof approve>): unknown {
  const before = world.state.approvals;
  const { events, result } = world.submit(command);
  if (result.kind !== "undecided") throw new Error(result.kind);
  const { code, ruleIds } = result;
  expect(events).toMatchObject([
    { type: "approval.refused", approval: command.approval, human: command.human, code, ruleIds },
  ]);
  expect(world.state.approvals).toEqual(before);
  return { code, ruleIds };
}

const no = (code: string, ...ruleIds: readonly string[]): unknown => ({ code, ruleIds });

describe("a decision", () => {
  it("is recorded with the rules that permitted it, and completes the request", () => {
    const { world, request } = asked();
    expect(world.submit(approve(request)).result).toEqual({ kind: "decided", complete: true });
    expect(world.events.at(-1)).toMatchObject({
      type: "approval.decided",
      approval: request.id,
      kind: "finance",
      verdict: "approve",
      human: "human of finance",
      ruleIds: ["permit-all"],
      complete: true,
      policyVersion: world.bundle.digest,
    });
    expect(world.state.approvals[0]).toMatchObject({ status: "approved" });
  });

  it("of two kinds takes two humans, in any order", () => {
    const { world, request } = asked("finance", "legal");
    const legal = approve(request, { kind: "legal" });
    expect(world.submit(legal).result).toEqual({ kind: "decided", complete: false });
    expect(world.state.approvals[0]).toMatchObject({ status: "pending" });
    const both = approve(request, { human: legal.human });
    expect(refused(world, both)).toEqual(no("two_kinds"));
    expect(refused(world, approve(request, { kind: "legal", human: "third" }))).toEqual(
      no("kind_given"),
    );
    expect(world.submit(approve(request)).result).toEqual({ kind: "decided", complete: true });
  });

  it("is asked of Cedar with who asks, for what, and whether it is the requester", () => {
    const { world, request } = asked("own");
    const questions: AuthorityQuestion[] = [];
    world.authority = (question) => {
      questions.push(question);
      return ALLOW;
    };
    world.submit(approve(request, { human: "human-pseudonym", groups: ["staff"] }));
    expect(questions).toEqual([
      {
        action: "approve",
        principal: "human-pseudonym",
        resource: { type: "ApprovalKind", id: "own" },
        context: {
          groups: ["staff"],
          requester: true,
          agent: "support-agent",
          purpose: "support-case",
          tool: "tickets_open",
          action: "mutate",
          tier: "internal",
        },
      },
    ]);
  });

  it("keeps an invented kind out of the record", () => {
    const { world, request } = asked();
    expect(refused(world, approve(request, { kind: "canary", human: "somebody" }))).toEqual(
      no("kind_unknown"),
    );
    expect(world.events.at(-1)).toMatchObject({ kind: "" });
    expect(world.stored.at(-1)!.bytes).not.toContain("canary");
  });
});

describe("a decision is not taken", () => {
  it("on a request that nobody made", () => {
    const { world, request } = asked();
    expect(world.submit(approve({ ...request, id: "__proto__" }))).toEqual({
      events: [],
      result: { kind: "undecided", code: "approval_unknown", ruleIds: [] },
    });
    expect(openWorld().submit(approve(request)).result).toMatchObject({ code: "approval_unknown" });
    expect(new World().submit(approve(request)).result).toEqual({ kind: "ignored" });
  });

  it("twice, after its time, or after a rejection", () => {
    const { world, request } = asked();
    world.submit(approve(request));
    expect(refused(world, approve(request, { human: "late" }))).toEqual(no("approval_over"));
    const late = asked();
    late.world.now = late.request.expiresAt;
    expect(refused(late.world, approve(late.request))).toEqual(no("approval_expired"));
    const rejected = asked();
    rejected.world.submit(approve(rejected.request, { verdict: "reject" }));
    expect(refused(rejected.world, approve(rejected.request))).toEqual(no("approval_over"));
  });

  it("on anything but the digest that this human was shown", () => {
    const { world, request } = asked();
    for (const digest of [sha256("another"), "", request.digest.toUpperCase()]) {
      expect(refused(world, approve(request, { digest }))).toEqual(no("digest_mismatch"));
    }
  });

  it("after the workflow", () => {
    const closed = asked();
    closed.world.submit({ type: "close", seat: null });
    expect(refused(closed.world, approve(closed.request))).toEqual(no("workflow_over"));
    const expired = asked();
    expired.world.now = expired.world.state.expiresAt;
    expect(refused(expired.world, approve(expired.request))).toEqual(no("workflow_over"));
  });

  it("from the one who started the workflow, unless the kind allows it", () => {
    const { world, request } = asked();
    for (const verdict of ["approve", "reject"] as const) {
      const own = approve(request, { human: "human-pseudonym", verdict });
      expect(refused(world, own)).toEqual(no("self_approval", "core:approval.requester"));
    }
    const allowed = asked("own");
    const own = approve(allowed.request, { human: "human-pseudonym" });
    expect(allowed.world.submit(own).result).toEqual({ kind: "decided", complete: true });
  });

  it.each([
    [DENY, "forbid-it"],
    [SILENT, "default:authority"],
    [{ ...ALLOW, errors: ["broken"] }, "broken"],
    [{ ...ALLOW, ruleIds: [] }, "default:authority"],
  ])("where authority answers %j", (answer, rule) => {
    const { world, request } = asked();
    world.authority = () => answer;
    for (const verdict of ["approve", "reject"] as const) {
      expect(refused(world, approve(request, { verdict }))).toEqual(no("not_permitted", rule));
    }
  });

  it("while the engine traps", () => {
    const { world, request } = asked();
    const authority = world.authority;
    world.authority = () => {
      throw new Error("trap");
    };
    expect(refused(world, approve(request))).toEqual(no("not_permitted", "core:approval.trap"));
    world.authority = authority;
    world.script = () => {
      throw new Error("trap");
    };
    expect(refused(world, approve(request))).toEqual(no("may_not_see", "core:approval.trap"));
  });

  it.each([
    ["human", "human of finance"],
    ["tenant", "acme"],
    ["workflow", "wf_1"],
  ] as const)("under a lock on the %s: a revoked session approves nothing", (target, value) => {
    const { world, request } = asked();
    world.lock({ id: "l1", target, value });
    expect(refused(world, approve(request))).toEqual(no("not_permitted", "lock:l1"));
    // Who signs in anew after that is let in again: the request was never theirs.
    world.unlock();
    expect(world.submit(approve(request)).result.kind).toBe("decided");
  });

  it("while the host cannot vouch for the locks", () => {
    const { world, request } = asked();
    world.locks = null;
    expect(refused(world, approve(request))).toEqual(no("not_permitted", "core:locks"));
  });
});

describe("who may not see a changed value", () => {
  it("may not approve it, but may reject it", () => {
    const { world, request } = asked();
    const questions: Question[] = [];
    world.script = (question) => {
      questions.push(question);
      return question.resource.id === "secret" ? SILENT : ALLOW;
    };
    expect(refused(world, approve(request))).toEqual(no("may_not_see", "default:data"));
    expect(questions.map(({ resource }) => resource.id)).toEqual(["secret", "ticket"]);
    for (const question of questions) {
      expect(question).toMatchObject({
        policyClass: "data",
        action: "disclose",
        principal: "human of finance",
        human: true,
        context: { groups: ["finance"], approvals: [], purpose: "support-case" },
      });
    }
    const reject = approve(request, { verdict: "reject" });
    expect(world.submit(reject).result).toEqual({ kind: "decided", complete: false });
  });

  it("is asked only for classes that change", () => {
    const { world } = asked();
    const other = callCommand("call_2", { tool: "tickets_open", idempotencyKey: "key" });
    world.submit(other);
    world.submit(previewed("call_2", { classes: ["ticket"] }));
    world.script = ({ resource }) => (resource.id === "secret" ? DENY : ALLOW);
    expect(world.submit(approve(world.state.approvals.at(-1)!)).result.kind).toBe("decided");
  });
});
