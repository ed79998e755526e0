import { describe, expect, it } from "vitest";
import type { CallCommand } from "../model/command.ts";
import type { Lock } from "../model/lock.ts";
import { previewDigest } from "../model/operation.ts";
import {
  ALLOW,
  answered,
  approvalKind,
  approve,
  callCommand,
  DENY,
  failing,
  fitting,
  mac,
  needing,
  previewed,
  readTool,
  sha256,
  type World,
  worldOf,
  writeTool,
  DOWN,
  seatCommand,
} from "../testing.ts";
import { approvalDigest } from "./approval.ts";
import { approverLocks } from "./locks.ts";
import type { Approval } from "./state.ts";

const REFUND = writeTool({
  id: "refund",
  definition: sha256("refund"),
  writeDomain: "billing",
  critical: true,
  preview: ["ticket"],
});
const SEAL = { changes: sha256("change"), etag: '"v1"', salt: "5a".repeat(16) };

function refunds(): World {
  const repay = { ...REFUND, id: "repay" };
  const world = worldOf([readTool(), REFUND, repay, writeTool()], {
    approvalKinds: [approvalKind("finance"), approvalKind("legal", { lifeMs: 300_000 })],
    delegations: [DOWN],
  });
  world.script = needing("finance");
  return world;
}

const refund = (call: string, more: Partial<CallCommand> = {}): CallCommand =>
  callCommand(call, { tool: "refund", ...more });
const last = (world: World): Approval => world.state.approvals.at(-1)!;

function pending(): World {
  const world = refunds();
  world.submit(refund("preview"));
  world.submit(previewed("preview"));
  return world;
}

function approved(): World {
  const world = pending();
  world.submit(approve(last(world)));
  return world;
}

describe("a preview", () => {
  it("is admitted and charged like any call, claims nothing and carries out nothing", () => {
    const world = refunds();
    const { result } = world.submit(refund("preview", { idempotencyKey: "key" }));
    expect(result).toEqual({
      kind: "admitted",
      mode: "preview",
      plan: { ticket: { allow: true, ruleIds: ["permit-all"] } },
      approval: null,
    });
    expect(world.events.at(-1)).toMatchObject({
      type: "call.admitted",
      mode: "preview",
      writeDomain: null,
      critical: false,
      approval: null,
      preview: null,
      need: {
        id: "apr_preview",
        kinds: ["finance"],
        ruleIds: ["forbid-it"],
        discloses: [],
      },
      target: mac('target\n{"region":"eu"}'),
    });
    expect(world.state.used).toMatchObject({ calls: 1, cost: 10, runtimeMs: 1_000 });
    expect(world.state).toMatchObject({ writeDomains: {}, keys: {}, approvals: [] });
  });

  it("shows the agent what its own rules disclose, whatever an approval would add", () => {
    const world = refunds();
    world.script = ({ action, context }) => {
      const given = (context["approvals"] as readonly string[]).includes("finance");
      return action === "disclose" || action === "mutate" ? (given ? ALLOW : DENY) : ALLOW;
    };
    expect(world.submit(refund("preview")).result).toMatchObject({
      mode: "preview",
      plan: { ticket: { allow: false, ruleIds: ["forbid-it"] } },
    });
  });

  it("needs a connector and an engine, and asks nobody without", () => {
    const world = refunds();
    expect(world.submit(refund("call_1", { presenter: null })).result).toEqual({
      kind: "failed",
      code: "connector_unavailable",
    });
    expect(world.state.approvals).toEqual([]);
  });

  it("becomes a request, with all that it binds in one digest", () => {
    const world = refunds();
    world.submit(refund("preview"));
    expect(world.submit(previewed("preview")).result).toMatchObject({
      kind: "settled",
      outcome: "human_approval_required",
      code: null,
      ruleIds: ["forbid-it"],
    });
    const asked = last(world);
    expect(asked).toMatchObject({
      id: "apr_preview",
      status: "pending",
      call: "preview",
      kinds: ["finance"],
      preview: previewDigest(sha256, SEAL),
      classes: ["ticket"],
      expiresAt: world.now + 600_000,
      policyVersion: world.bundle.digest,
    });
    expect(asked.digest).toBe(
      approvalDigest(sha256, world.state, asked.policyVersion, asked, asked),
    );
    const { id, digest, preview, classes, expiresAt } = asked;
    expect(world.events.at(-1)).toMatchObject({
      approval: { id, digest, preview, classes, expiresAt, plan: asked.plan },
    });
  });

  it("that failed asks nobody, and may be sent again", () => {
    const world = refunds();
    world.submit(refund("preview"));
    expect(world.submit(failing("preview", "preview_too_large", "possible")).result).toMatchObject({
      outcome: "failed",
      code: "preview_too_large",
    });
    expect(world.state).toMatchObject({ approvals: [], unknown: [] });
    expect(world.submit(refund("again")).result).toMatchObject({ mode: "preview" });
  });

  it("that is answered as if it had been executed has failed, and the other way round", () => {
    const world = refunds();
    world.submit(refund("preview"));
    expect(world.submit(answered("preview")).result).toMatchObject({
      outcome: "failed",
      code: "internal_error",
    });
    const executing = approved();
    executing.submit(refund("call_1"));
    expect(executing.submit(previewed("call_1")).result).toMatchObject({
      outcome: "outcome_unknown",
      code: "internal_error",
    });
  });

  it("is withheld under a lock, and asks nobody", () => {
    const world = refunds();
    world.submit(refund("preview"));
    world.lock({ id: "l1", target: "tool", value: "refund" });
    expect(world.submit(previewed("preview")).result).toMatchObject({
      outcome: "policy_denied",
      code: "locked",
    });
    expect(world.state.approvals).toEqual([]);
  });
});

describe("the digest of a request", () => {
  it("is another one for every single thing that changed", () => {
    const world = pending();
    const { state } = world;
    const asked = last(world);
    const of = (
      change: { [field in keyof Approval]?: unknown },
      more: { tenant?: string; workflow?: string } = {},
    ): string => {
      const other = { ...asked, ...change } as Approval;
      return approvalDigest(sha256, { ...state, ...more }, other.policyVersion, other, other);
    };
    const digests = [
      of({}),
      of({}, { tenant: "other" }),
      of({}, { workflow: "wf_2" }),
      of({ id: "apr_2" }),
      of({ seat: "seat_2" }),
      of({ tool: "other" }),
      of({ definition: "other" }),
      of({ operation: "other" }),
      of({ idempotency: "other" }),
      of({ preview: "other" }),
      of({ preview: null }),
      of({ plan: "other" }),
      of({ policyVersion: "other" }),
      of({ kinds: ["finance", "legal"] }),
      of({ expiresAt: asked.expiresAt + 1 }),
    ];
    expect(digests[0]).toBe(asked.digest);
    expect(new Set(digests).size).toBe(digests.length);
  });
});

describe("the identical call", () => {
  it("joins its preview, waits for its humans, runs once, and joins that run", () => {
    const world = refunds();
    world.submit(refund("call_1"));
    expect(world.submit(refund("call_2"))).toEqual({
      events: [],
      result: { kind: "joined", call: "call_1" },
    });
    world.submit(previewed("call_1"));
    expect(world.submit(refund("call_3"))).toEqual({
      events: [],
      result: { kind: "waiting", approval: "apr_call_1" },
    });
    world.submit(approve(last(world)));

    expect(world.submit(refund("call_4")).result).toMatchObject({
      kind: "admitted",
      mode: "execute",
      approval: "apr_call_1",
    });
    expect(world.events.at(-1)).toMatchObject({
      approval: "apr_call_1",
      preview: previewDigest(sha256, SEAL),
      writeDomain: "billing",
      need: null,
    });
    const joined = { events: [], result: { kind: "joined", call: "call_4" } };
    expect(world.submit(refund("call_5"))).toEqual(joined);
    world.submit(answered("call_4"));
    expect(world.submit(refund("call_6"))).toEqual(joined);
    expect(last(world)).toMatchObject({ status: "used", usedBy: "call_4" });
  });

  it("is another call under another key, seat, tool or byte of its arguments", () => {
    const world = pending();
    world.submit(seatCommand("seat_2"));
    const others = [
      refund("call_1", { idempotencyKey: "key" }),
      refund("call_2", { shaped: fitting({ operation: sha256("operation ") }) }),
      refund("call_3", { seat: "seat_2" }),
      refund("call_4", { tool: "repay" }),
    ];
    for (const other of others) {
      expect(world.submit(other).result).toMatchObject({ kind: "admitted", mode: "preview" });
    }
    expect(world.submit(refund("call_5")).result).toMatchObject({ kind: "waiting" });
    const changed = [{ ...REFUND, definition: sha256("another description") }];
    world.bundle = { ...world.bundle, tool: () => changed[0] };
    expect(world.submit(refund("call_6")).result).toMatchObject({ mode: "preview" });
  });

  it("may be tried again under the same approval after it failed for certain", () => {
    const world = approved();
    for (const call of ["call_1", "call_2"]) {
      expect(world.submit(refund(call)).result).toMatchObject({ approval: "apr_preview" });
      world.submit(failing(call, "connection_refused", "none"));
      expect(last(world)).toMatchObject({ status: "approved", usedBy: null });
    }
    world.submit(refund("call_3"));
    world.submit(answered("call_3"));
    expect(world.submit(refund("call_4")).result).toEqual({ kind: "joined", call: "call_3" });
  });

  it.each([
    ["never", "admitted"],
    ["aborted", "admitted"],
    ["committed", "joined"],
  ] as const)("joins an unknown end until that is known: %s, then %s", (finding, then) => {
    const world = approved();
    world.submit(refund("call_1"));
    world.submit(failing("call_1", "connector_lost", "possible"));
    expect(last(world).status).toBe("used");
    expect(world.submit(refund("call_2")).result).toEqual({ kind: "joined", call: "call_1" });
    world.submit({ type: "reconcile", call: "call_1", session: "session_1", finding });
    expect(world.submit(refund("call_3")).result.kind).toBe(then);
  });

  it("asks anew once the time of an approval that nobody used is over", () => {
    const world = approved();
    world.now = last(world).expiresAt;
    expect(world.submit(refund("call_1")).result).toMatchObject({ mode: "preview" });
  });
});

describe("an approval grants nothing by itself", () => {
  it("everything is evaluated again, with its kinds and no other", () => {
    const world = approved();
    const seen: unknown[] = [];
    world.script = ({ action, context }) => {
      if (action === "mutate") seen.push(context["approvals"]);
      return action === "mutate" ? DENY : ALLOW;
    };
    expect(world.submit(refund("call_1")).result).toMatchObject({
      kind: "denied",
      code: "action_denied",
    });
    expect(seen).toEqual([["finance"]]);
  });

  it("nor against a lock, a full budget, or a step down to reading", () => {
    const locked = approved();
    locked.lock({ id: "l1", target: "human", value: "human-pseudonym" });
    expect(locked.submit(refund("call_1")).result).toMatchObject({ code: "locked" });
    const spent = approved();
    spent.bundle = { ...spent.bundle, tool: () => ({ ...REFUND, cost: 2e9 }) };
    expect(spent.submit(refund("call_1")).result).toMatchObject({ code: "budget_exhausted" });
    const reading = approved();
    reading.state = { ...reading.state, readOnly: true };
    expect(reading.submit(refund("call_1")).result).toMatchObject({ code: "read_only" });
  });
});

describe("an approval of a human who was locked since", () => {
  const refused = { kind: "denied", code: "approval_stale", ruleIds: ["core:approval", "lock:l1"] };
  const finance = (id = "l1"): Lock => ({ id, target: "human", value: "human of finance" });

  it("is carried out neither under the lock nor after it, and asks others anew", () => {
    for (const unlocked of [false, true]) {
      const world = approved();
      world.lock(finance());
      if (unlocked) world.unlock();
      expect(world.submit(refund("call_1")).result).toMatchObject(refused);
      expect(last(world).status).toBe("stale");
      expect(world.submit(refund("call_2")).result).toMatchObject({ mode: "preview" });
    }
  });

  it("counts again when it is given after the lock is gone, whoever else is locked", () => {
    const world = pending();
    world.lock(finance());
    world.unlock();
    world.submit(approve(last(world)));
    world.lock({ ...finance("l2"), value: "human of legal" });
    expect(world.submit(refund("call_1")).result).toMatchObject({ approval: "apr_preview" });
  });

  it("does not count where nobody can say what is locked", () => {
    const world = approved();
    expect(approverLocks(null, last(world).given)).toEqual(["core:locks"]);
    expect(approverLocks(world.locks!, last(world).given)).toEqual([]);
  });
});

describe("without a preview", () => {
  it("the refusal asks, the operation is what is approved, and it runs once", () => {
    const world = refunds();
    const open = (call: string): CallCommand => callCommand(call, { tool: "tickets_open" });
    expect(world.submit(open("call_1")).result).toEqual({ kind: "asked", approval: "apr_call_1" });
    expect(world.state.used.calls).toBe(0);
    expect(last(world)).toMatchObject({ preview: null, classes: [], call: "call_1" });
    expect(world.submit(open("call_2")).result.kind).toBe("waiting");
    world.submit(approve(last(world)));
    expect(world.submit(open("call_3")).result).toMatchObject({ approval: "apr_call_1" });
    expect(world.events.at(-1)).toMatchObject({ preview: null });
    expect(world.submit(open("call_4")).result).toEqual({ kind: "joined", call: "call_3" });
  });

  it("a read that discloses more by approval runs once as well", () => {
    const world = refunds();
    world.script = ({ action, context }) =>
      action === "disclose" && !(context["approvals"] as readonly string[]).includes("legal")
        ? DENY
        : ALLOW;
    expect(world.submit(callCommand("call_1")).result.kind).toBe("asked");
    world.submit(approve(last(world)));
    expect(world.submit(callCommand("call_2")).result).toMatchObject({ approval: "apr_call_1" });
    const joined = { kind: "joined", call: "call_2" };
    expect(world.submit(callCommand("call_3")).result).toEqual(joined);
    world.submit(answered("call_2"));
    expect(world.submit(callCommand("call_4")).result).toEqual(joined);
  });
});

describe("a change that the caller names", () => {
  it("is what has to happen, unless an approval names it", () => {
    const world = refunds();
    world.script = () => ALLOW;
    world.submit(refund("call_1", { expects: sha256("inverse") }));
    expect(world.events.at(-1)).toMatchObject({ preview: sha256("inverse"), mode: "execute" });
    const asked = approved();
    asked.submit(refund("call_1", { expects: sha256("inverse") }));
    expect(asked.events.at(-1)).toMatchObject({ preview: previewDigest(sha256, SEAL) });
  });
});
