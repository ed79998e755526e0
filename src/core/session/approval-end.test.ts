import { describe, expect, it } from "vitest";
import type { CallCommand } from "../model/command.ts";
import {
  ALLOW,
  answered,
  approvalKind,
  approve,
  callCommand,
  DENY,
  DOWN,
  failing,
  fitting,
  needing,
  previewed,
  readTool,
  seatCommand,
  sha256,
  type World,
  worldOf,
  writeTool,
} from "../testing.ts";
import { MAX_APPROVALS, MAX_OPEN_APPROVALS, MAX_PREVIEWS, REFUSAL_WINDOW_MS } from "./limits.ts";
import type { Approval } from "./state.ts";

/** How requests for approval end: stale, rejected, too late, or not asked at all. */

function refunds(lifeMs = 600_000): World {
  const tools = [
    readTool(),
    writeTool({ id: "refund", preview: ["ticket"] }),
    writeTool({ id: "other" }),
  ];
  const world = worldOf(tools, {
    approvalKinds: [
      approvalKind("finance", { lifeMs }),
      approvalKind("legal", { lifeMs: 300_000 }),
    ],
    delegations: [DOWN],
  });
  world.script = needing("finance");
  return world;
}

const refund = (call: string, more: Partial<CallCommand> = {}): CallCommand =>
  callCommand(call, { tool: "refund", ...more });
const last = (world: World): Approval => world.state.approvals.at(-1)!;

function ask(world: World, call: string, more: Partial<CallCommand> = {}): Approval {
  expect(world.submit(refund(call, more)).result).toMatchObject({ mode: "preview" });
  world.submit(previewed(call));
  return last(world);
}

function activate(world: World, name: string): void {
  world.bundle = { ...world.bundle, digest: sha256(name) };
}

describe("an approval is stale", () => {
  const STALE = {
    kind: "denied",
    code: "approval_stale",
    policyClass: null,
    ruleIds: ["core:approval"],
    blockedBy: "apr_preview",
  };

  it("when the result would be shown otherwise than it was approved", () => {
    const world = refunds();
    world.submit(approve(ask(world, "preview")));
    world.script = (question) =>
      question.action === "disclose" ? { ...ALLOW, ruleIds: ["another"] } : ALLOW;
    expect(world.submit(refund("call_1")).result).toEqual(STALE);
    expect(world.events.at(-1)).toMatchObject({
      code: "approval_stale",
      blockedBy: "apr_preview",
      approval: null,
    });
    expect(last(world).status).toBe("stale");
  });

  it("when the digest is not that of what humans saw", () => {
    const world = refunds();
    world.submit(approve(ask(world, "preview")));
    const approvals = [{ ...last(world), preview: sha256("another change") }];
    world.state = { ...world.state, approvals };
    expect(world.submit(refund("call_1")).result).toEqual(STALE);
  });

  it.each([null, "key"])(
    "when the connector finds another state (key %s), and the next call asks anew",
    (idempotencyKey) => {
      const world = refunds();
      world.submit(approve(ask(world, "preview", { idempotencyKey })));
      world.submit(refund("call_1", { idempotencyKey }));
      expect(world.submit(failing("call_1", "preview_stale", "none")).result).toMatchObject({
        outcome: "policy_denied",
        code: "approval_stale",
        ruleIds: ["core:approval"],
      });
      expect(last(world).status).toBe("stale");
      expect(world.submit(refund("call_2", { idempotencyKey })).result).toMatchObject({
        kind: "admitted",
        mode: "preview",
      });
    },
  );

  it("not when nobody knows what the connector did", () => {
    const world = refunds();
    world.submit(approve(ask(world, "preview")));
    world.submit(refund("call_1"));
    expect(world.submit(failing("call_1", "preview_stale", "possible")).result).toMatchObject({
      outcome: "outcome_unknown",
    });
    expect(last(world).status).toBe("used");
  });
});

describe("under other rules", () => {
  it("an approval of before carries out nothing: the call asks anew", () => {
    const world = refunds();
    world.submit(approve(ask(world, "preview")));
    activate(world, "another");
    expect(world.submit(refund("call_1")).result).toMatchObject({ mode: "preview" });
  });

  it("nobody decides what those of before asked", () => {
    const world = refunds();
    const asked = ask(world, "preview");
    activate(world, "another");
    expect(world.submit(approve(asked)).result).toMatchObject({ code: "digest_mismatch" });
  });

  it("a question of before that nobody could answer does not count as rejected", () => {
    const world = refunds();
    const before = ask(world, "call_1");
    activate(world, "another");
    world.now += 300_000;
    world.submit(approve(ask(world, "call_2")));
    expect(world.state.approvals.map(({ status }) => status)).toEqual(["stale", "approved"]);
    world.now = before.expiresAt;
    expect(world.submit(refund("call_3")).result).toMatchObject({ approval: "apr_call_2" });
  });

  it("a question of before about another target, or of another tool, goes on waiting for its no", () => {
    const world = refunds();
    const elsewhere = fitting({ operation: sha256("elsewhere"), target: "elsewhere" });
    ask(world, "call_1", { shaped: elsewhere });
    world.submit(callCommand("call_2", { tool: "other" }));
    activate(world, "another");
    ask(world, "call_3");
    expect(world.state.approvals.map(({ status }) => status)).toEqual(Array(3).fill("pending"));
  });

  it("a rejection of before stays one", () => {
    const world = refunds();
    world.submit(approve(ask(world, "preview"), { verdict: "reject" }));
    activate(world, "another");
    expect(world.submit(refund("call_1")).result).toMatchObject({ code: "approval_rejected" });
  });
});

describe("a rejected target of a tool", () => {
  const REJECTED = {
    kind: "denied",
    code: "approval_rejected",
    policyClass: null,
    ruleIds: ["core:approval"],
    blockedBy: "apr_preview",
  };

  function rejected(): World {
    const world = refunds();
    world.submit(seatCommand("seat_2"));
    world.submit(approve(ask(world, "preview"), { verdict: "reject" }));
    return world;
  }

  it("stays rejected in this workflow, for every operation, key and seat", () => {
    const world = rejected();
    const calls = [
      refund("call_1"),
      refund("call_2", { idempotencyKey: "key" }),
      refund("call_3", { shaped: fitting({ operation: sha256("less") }) }),
      refund("call_4", { seat: "seat_2" }),
    ];
    for (const call of calls) expect(world.submit(call).result).toEqual(REJECTED);
    world.now += 3_000_000;
    expect(world.submit(refund("call_5")).result).toEqual(REJECTED);
  });

  it("leaves other targets and other tools alone", () => {
    const world = rejected();
    const other = fitting({ target: "another", operation: sha256("another") });
    expect(world.submit(refund("call_1", { shaped: other })).result.kind).toBe("admitted");
    expect(world.submit(callCommand("call_2", { tool: "other" })).result.kind).toBe("asked");
  });

  it("is one after one of two kinds was given and the other refused", () => {
    const world = refunds();
    world.script = needing("finance", "legal");
    const asked = ask(world, "preview");
    expect(asked.expiresAt).toBe(world.now + 300_000);
    world.submit(approve(asked));
    expect(last(world)).toMatchObject({ status: "pending", given: [{ kind: "finance" }] });
    world.submit(approve(asked, { kind: "legal", verdict: "reject" }));
    expect(world.submit(refund("call_1")).result).toEqual(REJECTED);
  });

  it("is one when nobody decided in time, to the millisecond", () => {
    const world = refunds();
    const asked = ask(world, "preview");
    world.now = asked.expiresAt - 1;
    expect(world.submit(refund("call_1")).result.kind).toBe("waiting");
    world.now = asked.expiresAt;
    expect(world.submit(refund("call_2")).result).toEqual(REJECTED);
    expect(world.submit(approve(asked)).result).toMatchObject({ code: "approval_expired" });
    expect(world.submit(refund("call_3")).result).toEqual(REJECTED);
  });

  it("cannot outlive the workflow", () => {
    const world = refunds(1e9);
    world.now = world.state.expiresAt - 5;
    expect(ask(world, "preview").expiresAt).toBe(world.state.expiresAt);
  });
});

describe("requests are bounded", () => {
  const change = (n: number): Partial<CallCommand> => ({
    shaped: fitting({ operation: sha256(`change ${n}`), target: `target ${n}` }),
  });

  it("those that wait, previews under way among them", () => {
    const world = refunds();
    const half = MAX_OPEN_APPROVALS / 2;
    for (let n = 0; n < half; n++) ask(world, `call_${n}`, change(n));
    for (let n = half; n < MAX_OPEN_APPROVALS; n++) world.submit(refund(`call_${n}`, change(n)));
    const one = refund("one_more", change(99));
    expect(world.submit(one).result).toEqual({
      kind: "denied",
      code: "approvals_exhausted",
      policyClass: null,
      ruleIds: ["core:approval"],
    });
    world.submit(approve(world.state.approvals[0]!, { verdict: "reject" }));
    expect(world.submit(one).result).toMatchObject({ mode: "preview" });
  });

  it("previews, those that failed among them: a loop of them is no load test of a database", () => {
    const world = refunds();
    const since = world.now;
    for (let n = 0; n < MAX_PREVIEWS; n++) {
      world.now = since + n;
      expect(world.submit(refund(`call_${n}`)).result).toMatchObject({ mode: "preview" });
      world.submit(failing(`call_${n}`, "preview_too_large", "possible"));
    }
    expect(world.submit(refund("one_more"))).toEqual({
      events: [],
      result: {
        kind: "failed",
        code: "rate_limited",
        retryAfterMs: since + REFUSAL_WINDOW_MS - world.now,
      },
    });
    // Whatever else the workflow does goes on.
    expect(world.submit(callCommand("read")).result.kind).toBe("admitted");
    world.now = since + REFUSAL_WINDOW_MS - 1;
    expect(world.submit(refund("one_more")).result.kind).toBe("failed");
    world.now++;
    expect(world.submit(refund("one_more")).result).toMatchObject({ mode: "preview" });
  });

  it("those that wait no longer make room", () => {
    const world = refunds();
    for (let n = 0; n < MAX_OPEN_APPROVALS; n++) ask(world, `call_${n}`, change(n));
    world.now = last(world).expiresAt;
    expect(world.submit(refund("one_more", change(99))).result).toMatchObject({ mode: "preview" });
  });

  it("all of one workflow, whatever became of them", () => {
    const world = refunds();
    for (let n = 0; n < MAX_APPROVALS; n++) {
      world.submit(callCommand(`call_${n}`, { tool: "other", ...change(n) }));
      world.submit(approve(last(world), { verdict: "reject" }));
    }
    expect(world.state.approvals).toHaveLength(MAX_APPROVALS);
    const one = callCommand("one_more", { tool: "other", ...change(999) });
    expect(world.submit(one).result).toMatchObject({ code: "approvals_exhausted" });
  });
});

describe("what needs no approval", () => {
  it("runs beside those that wait", () => {
    const world = refunds();
    ask(world, "preview");
    world.script = ({ action }) => (action === "mutate" ? DENY : ALLOW);
    expect(world.submit(callCommand("call_1")).result.kind).toBe("admitted");
    world.submit(answered("call_1"));
    expect(last(world).status).toBe("pending");
  });
});
