import { describe, expect, it } from "vitest";
import { needing, writeTool } from "../core/testing.ts";
import { endOf, stillWaiting } from "./join.ts";
import { Bench, CALLER } from "./testing.ts";

const lost = { ok: false, code: "connector_lost", effect: "possible" } as const;

/** A keyed mutation whose answer was lost. */
async function unknown(): Promise<Bench> {
  const bench = await new Bench().open();
  bench.answer = () => Promise.resolve(lost);
  const first = await bench.call("tickets_open", {}, { idempotencyKey: "key" });
  expect(first).toMatchObject({ outcome: "outcome_unknown" });
  return bench;
}
const again = (bench: Bench): Promise<unknown> =>
  bench.call("tickets_open", {}, { idempotencyKey: "key" });

describe("a call that waits for humans", () => {
  it("goes back to the decider instead of showing the change to who was locked meanwhile", async () => {
    const finance = { id: "finance", title: "F", lifeMs: 60_000, selfApproval: false };
    const bench = new Bench([writeTool({ preview: ["ticket"] })], { approvalKinds: [finance] });
    bench.script = needing("finance");
    await bench.open();
    await bench.call("tickets_open", { id: 7 });
    const [request] = bench.state.approvals;
    const session = (await bench.gateway().sessions.find("acme", "wf_1"))!;
    const waited = () => stillWaiting(bench.gateway(), session, request!.id, 0);
    expect(await waited()).toMatchObject({ outcome: "human_approval_required" });
    const locks = [{ id: "l1", target: "key", value: "thumbprint" }] as const;
    bench.locks = { epoch: 1, locks, revocations: [] };
    expect(await waited()).toBeNull();
  });
});

describe("a call that joined one whose admission could not be recorded", () => {
  it("is told so, and does not wait for an end that will never come", async () => {
    const bench = await new Bench().open();
    const session = (await bench.gateway().sessions.find("acme", "wf_1"))!;
    expect(await endOf(bench.gateway(), CALLER, session, "call_lost", 50_000)).toMatchObject({
      outcome: "failed",
      call: "call_lost",
      reason: { code: "audit_unavailable" },
    });
  });
});

describe("a call that is sent again under its idempotency key", () => {
  it("is told that nobody knows, as long as nobody does", async () => {
    const bench = await unknown();
    expect(await again(bench)).toMatchObject({ outcome: "outcome_unknown" });
    expect(bench.sent).toHaveLength(1);
  });

  it("is told what was found out since: it took effect, and is not done again", async () => {
    const bench = await unknown();
    const [{ call, session } = { call: "", session: "" }] = bench.state.unknown;
    await bench.submit({ type: "reconcile", call, session, finding: "committed" });
    expect(await again(bench)).toMatchObject({ outcome: "ok", call });
    expect(bench.sent).toHaveLength(1);
  });

  it("is done when it turned out that nothing had happened", async () => {
    const bench = await unknown();
    const [{ call, session } = { call: "", session: "" }] = bench.state.unknown;
    await bench.submit({ type: "reconcile", call, session, finding: "never" });
    expect(await again(bench)).toMatchObject({ outcome: "outcome_unknown" });
    expect(bench.sent).toHaveLength(2);
  });
});
