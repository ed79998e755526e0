import { describe, expect, it } from "vitest";
import type { Session } from "../../gateway/ports.ts";
import type { SeenState } from "../../tunnel/protocol.ts";
import { FakeClock } from "../../tunnel/testing.ts";
import { Reconciler } from "./reconcile.ts";
import { callCommand, hostOn, openCommand, temporaryFolder, WRITE } from "./testing.ts";

/** Longer than the pause between two rounds of questions. */
const A_ROUND_MS = 11_000;

/** One mutation, sent in connector session `nonce`, and a connector that says what it is told to say. */
class Bench implements Disposable {
  readonly #resources = new DisposableStack();
  readonly clock = new FakeClock();
  readonly asked: string[] = [];
  readonly resent: string[] = [];
  /** Whether what was sent again may be sent once more. */
  again = false;
  live: string | null = "later";
  state: SeenState | null = "never";
  readonly #host;
  readonly reconciler;

  constructor() {
    const folder = this.#resources.use(temporaryFolder());
    this.#host = this.#resources.use(hostOn(folder.path));
    this.reconciler = this.#resources.use(
      new Reconciler({
        directory: this.#host.directory,
        sessions: this.#host.sessions,
        clock: this.clock,
        resend: (_tenant, _session, call) => {
          this.resent.push(call);
          return Promise.resolve(this.again);
        },
        failed: () => expect.unreachable("a round failed"),
        end: {
          live: () => (this.live === null ? null : { ...PLACE, session: this.live }),
          seen: (_tenant, _connector, call) => {
            this.asked.push(call);
            return Promise.resolve(this.state);
          },
        },
      }),
    );
  }

  async opened(): Promise<Session> {
    const session = this.#host.sessions.create("acme", "wf_1");
    await session.submit(openCommand("wf_1", session.keyDigest));
    await session.submit(callCommand("call_1", WRITE));
    return session;
  }

  get open(): number {
    return this.#host.directory.openCalls("acme", "con_1").length;
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }
}

const PLACE = { tenant: "acme", connector: "con_1", network: "n", tier: "internal" } as const;
const LOST = { kind: "failed", code: "connector_lost", effect: "possible" } as const;
const settle = { type: "settle", call: "call_1", settlement: LOST, runtimeMs: 5 } as const;

const findings = (session: Session): readonly string[] =>
  session.state.unknown.map(({ call }) => call);

describe("a call of which nobody knows whether it took effect", () => {
  it("is asked about although it was cut with the last session, a moment ago", async () => {
    using made = new Bench();
    const session = await made.opened();
    void made.reconciler.begun("acme", "con_1");
    // The answer of a cut call passes through some promises on its way to the record.
    for (let hop = 0; hop < 20; hop++) await Promise.resolve();
    await session.submit(settle);
    await made.clock.pass(0);
    await expect.poll(() => made.open).toBe(0);
    expect(made.asked).toEqual(["call_1"]);
    expect(session.state.used.calls).toBe(0);
  });

  it("is asked about again while its transaction is running, in the same session", async () => {
    using made = new Bench();
    const session = await made.opened();
    await session.submit(settle);
    made.state = "started";
    void made.reconciler.begun("acme", "con_1");
    await expect.poll(() => made.asked).toEqual(["call_1"]);
    made.state = "committed";
    await made.clock.pass(A_ROUND_MS);
    await expect.poll(() => made.open).toBe(0);
    expect(findings(session)).toEqual([]);
    expect(session.state.used.calls).toBe(1);
  });

  it("is asked about when it becomes unknown in a session that goes on", async () => {
    using made = new Bench();
    const session = await made.opened();
    made.live = "nonce";
    void made.reconciler.begun("acme", "con_1");
    await made.clock.pass(A_ROUND_MS);
    expect(made.asked).toEqual([]);
    await session.submit(settle);
    await made.clock.pass(A_ROUND_MS);
    // The frame may still be on its way: never seen proves nothing yet.
    await expect.poll(() => made.asked).toEqual(["call_1"]);
    expect(findings(session)).toEqual(["call_1"]);
    made.state = "aborted";
    await made.clock.pass(A_ROUND_MS);
    await expect.poll(() => made.open).toBe(0);
  });

  it("is asked about once in a session where all is said", async () => {
    using made = new Bench();
    const session = await made.opened();
    await session.submit(settle);
    made.state = "done";
    void made.reconciler.begun("acme", "con_1");
    await expect.poll(() => made.asked).toEqual(["call_1"]);
    await made.clock.pass(3 * A_ROUND_MS);
    expect(made.asked).toEqual(["call_1"]);
    expect(findings(session)).toEqual(["call_1"]);
  });

  it("is sent again at once and, without an answer, after twice as long each time", async () => {
    using made = new Bench();
    const session = await made.opened();
    await session.submit(settle);
    made.state = "done";
    made.again = true;
    void made.reconciler.begun("acme", "con_1");
    await expect.poll(() => made.resent.length).toBe(1);
    for (let round = 1; round <= 15; round++) await made.clock.pass(A_ROUND_MS);
    // Within 165 s: after 10, 20, 40 and 80 more.
    expect(made.resent).toHaveLength(5);
    expect(findings(session)).toEqual(["call_1"]);
  });

  it("is not sent again where its end is known, or may still come by itself", async () => {
    for (const state of ["never", "committed", "aborted"] as const) {
      using made = new Bench();
      const session = await made.opened();
      await session.submit(settle);
      made.state = state;
      made.again = true;
      await Promise.race([made.reconciler.begun("acme", "con_1"), made.clock.pass(0)]);
      await expect.poll(() => made.open).toBe(0);
      expect(made.resent).toEqual([]);
    }
  });

  it("is asked about no more when the session is over, or the host stops", async () => {
    using made = new Bench();
    const session = await made.opened();
    await session.submit(settle);
    made.state = null;
    const over = made.reconciler.begun("acme", "con_1");
    await expect.poll(() => made.asked).toEqual(["call_1"]);
    made.live = "another";
    await made.clock.pass(A_ROUND_MS);
    await over;
    made.live = "later";
    const stopped = made.reconciler.begun("acme", "con_1");
    await expect.poll(() => made.asked).toEqual(["call_1", "call_1"]);
    made.reconciler[Symbol.dispose]();
    await stopped;
    expect(made.clock.pending).toBe(0);
  });
});
