import type { AdminClient } from "../src/cli/admin-client.ts";
import type { LockView } from "../src/surfaces/admin/ports.ts";
import { callsOf, CONNECTOR_SOCKETS, recorded } from "./calls.ts";
import type { Governed } from "./governed.ts";
import type { Silence } from "./silence.ts";

export interface Contained {
  /** From the signal to the moment from which nothing more is admitted. */
  readonly inForceMs: number;
  /** From the signal to the durable end of the last call that was out: no effect is possible any more. */
  readonly impossibleMs: number;
}

/** Made after the containment: none may be admitted. */
const LATE_CALLS = 2;
const POLL_MS = 2;
const DEADLINE_MS = 10_000;

/**
 * An agent with calls under way touches a trap; a rule of the bundle locks its workflow, without
 * anybody. The times are the record's own: `at` of `signal.raised`, `inForceAt` and `drainedAt` of the
 * lock. Void unless every call under way ends as `locked`, and nothing arrives at the service after.
 */
export async function trap(
  governed: Governed,
  admin: AdminClient,
  upstream: Silence,
  count: number,
): Promise<Contained> {
  const opened = await governed.open();
  const before = await recorded(admin, opened.workflow);
  await using calls = await callsOf(opened, count + 1 + LATE_CALLS);
  const out = Array.from({ length: count }, () => calls.make("note_read"));
  await upstream.holds(Math.min(count, CONNECTOR_SOCKETS));
  while ((await recorded(admin, opened.workflow)) < before + count) await pause();
  const arrived = upstream.arrived;

  const touched = calls.make("note_bait");
  const lock = await drained(admin, opened.workflow);
  const late = Array.from({ length: LATE_CALLS }, () => calls.make("note_read"));
  for (const answer of await Promise.all([...out, ...late])) {
    if (!answer.includes('"code":"locked"')) throw new Error(`void: ${answer}`);
  }
  await touched;
  if (upstream.arrived > arrived) throw new Error("void: a call left after the containment");
  upstream.release();
  const signal = await signalAt(admin, opened.workflow);
  return {
    inForceMs: Date.parse(lock.inForceAt) - signal,
    impossibleMs: Date.parse(lock.drainedAt ?? "") - signal,
  };
}

async function drained(admin: AdminClient, workflow: string): Promise<LockView> {
  const until = performance.now() + DEADLINE_MS;
  while (performance.now() < until) {
    const { body } = await admin.ask("GET", "/locks");
    const { locks } = body as { readonly locks: readonly LockView[] };
    const own = locks.find((one) => one.value === workflow);
    if (own?.drainedAt != null) return own;
    await pause();
  }
  throw new Error("void: nothing was contained");
}

async function signalAt(admin: AdminClient, workflow: string): Promise<number> {
  for (let after: number | null = -1; after !== null;) {
    const { body } = await admin.ask("GET", `/workflows/${workflow}/events?after=${after}`);
    const page = body as {
      readonly events: readonly {
        readonly event: { readonly type: string; readonly at: number };
      }[];
      readonly next: number | null;
    };
    const signal = page.events.find(({ event }) => event.type === "signal.raised");
    if (signal !== undefined) return signal.event.at;
    after = page.next;
  }
  throw new Error("void: no signal was recorded");
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
