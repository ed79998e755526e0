import { describe, expect, it } from "vitest";
import { readTool, writeTool } from "../core/testing.ts";
import type { OutboundAnswer } from "./ports.ts";
import { resend } from "./resend.ts";
import { ANSWER, Bench } from "./testing.ts";

const KEYED = writeTool({ resendMs: 3_600_000 });
const lost: OutboundAnswer = { ok: false, code: "connector_lost", effect: "possible" };
const refused = (status: number): OutboundAnswer => ({
  ...{ ok: false, code: "upstream_rejected", effect: "none", status },
});

/** A mutation whose answer was lost. */
async function unknown(tool = KEYED): Promise<Bench> {
  const bench = await new Bench([readTool(), tool]).open();
  bench.answer = () => Promise.resolve(lost);
  const outcome = await bench.call(tool.id, { text: "once" });
  expect(outcome.outcome).toBe("outcome_unknown");
  bench.answer = () => Promise.resolve(ANSWER);
  bench.chosen = { connector: "con_1", session: "nonce_2" };
  return bench;
}

async function again(bench: Bench): Promise<boolean> {
  const gateway = bench.gateway();
  const session = (await gateway.sessions.find("acme", "wf_1"))!;
  const call = bench.state.unknown[0]?.call ?? "call_1";
  return resend(gateway, "acme", session, call);
}

describe("a call that is sent again under its own key", () => {
  it("is recorded first, and leaves as the same request under a new token of now", async () => {
    const bench = await unknown();
    await again(bench);
    const [first, second] = bench.sent;
    expect(second?.request).toEqual(first?.request);
    expect(second?.request.idempotencyKey).toBe(first?.call);
    expect(second?.call).toBe(first?.call);
    expect(bench.log.slice(-3)).toEqual(["call.resent", "sent", "call.reconciled"]);
    const [one, two] = bench.claims as { readonly [name: string]: unknown }[];
    expect(two).toEqual({
      ...one,
      txn: expect.not.stringMatching(String(one?.["txn"])) as string,
      req_wl: "con_1/nonce_2",
    });
  });

  it("has been done when the service says so, also in words that nobody can use", async () => {
    for (const answer of [
      ANSWER,
      { ok: false, code: "response_too_large", effect: "possible", status: 200 },
      { ok: false, code: "output_invalid", effect: "possible", status: 201 },
    ] as const satisfies readonly OutboundAnswer[]) {
      const bench = await unknown();
      bench.answer = () => Promise.resolve(answer);
      expect(await again(bench)).toBe(true);
      expect(bench.state.unknown).toEqual([]);
    }
  });

  it.each([
    ["a refusal: by now the state may be another", refused(409)],
    ["a version that is another by now", { ...refused(412), code: "preview_stale" } as const],
    ["an error", { ok: false, code: "upstream_error", effect: "possible", status: 503 } as const],
    ["a redirect", refused(302)],
    ["nothing", lost],
    ["what never left", { ok: false, code: "not_dispatched", effect: "none" } as const],
  ])("stays unknown after %s", async (_, answer) => {
    const bench = await unknown();
    bench.answer = () => Promise.resolve(answer);
    expect(await again(bench)).toBe(true);
    expect(bench.state.unknown).toMatchObject([{ resent: 1 }]);
    bench.answer = () => Promise.resolve(ANSWER);
    await again(bench);
    expect(bench.state.unknown).toEqual([]);
  });

  it("does not leave for a tool whose service forgets, or while its connector is away", async () => {
    const forgetful = await unknown(writeTool());
    expect(await again(forgetful)).toBe(false);
    expect(forgetful.sent).toHaveLength(1);
    const away = await unknown();
    away.connected = false;
    expect(await again(away)).toBe(true);
    expect(away.sent).toHaveLength(1);
    away.connected = true;
    await again(away);
    expect(away.sent).toHaveLength(2);
  });

  it("does not leave when a lock came between its record and its way out", async () => {
    const bench = await unknown();
    bench.afterCommit = (event) => {
      if (event.type === "call.resent") bench.locks = { epoch: 1, locks: [], revocations: [] };
    };
    await again(bench);
    expect(bench.sent).toHaveLength(1);
    expect(bench.state.unknown).toHaveLength(1);
  });

  it("does not leave unrecorded", async () => {
    const bench = await unknown();
    bench.failCommitOf = "call.resent";
    expect(await again(bench)).toBe(true);
    expect(bench.sent).toHaveLength(1);
  });

  it("does not leave as another request than the one that was admitted", async () => {
    const bench = await unknown();
    bench.path = "/another";
    expect(await again(bench)).toBe(true);
    expect(bench.sent).toHaveLength(1);
  });

  it("does not leave when nobody knows any more what it was", async () => {
    const bench = await unknown();
    bench.erased = true;
    expect(await again(bench)).toBe(false);
    expect(bench.sent).toHaveLength(1);
    const gateway = bench.gateway();
    const session = (await gateway.sessions.find("acme", "wf_1"))!;
    expect(await resend(gateway, "acme", session, "call_of_nobody")).toBe(false);
  });
});
