import type { AdminClient } from "../src/cli/admin-client.ts";
import type { LockView } from "../src/surfaces/admin/ports.ts";
import { callsOf, CONNECTOR_SOCKETS, recorded } from "./calls.ts";
import type { Governed } from "./governed.ts";
import type { Silence } from "./silence.ts";

export interface Killed {
  readonly inForceMs: number;
  /** From before the lock was asked for. */
  readonly drainedMs: number;
}

/** Made after each acknowledgement: none may be admitted. Few, because refusals are rate-limited. */
const LATE_CALLS = 2;
const POLL_MS = 2;

/**
 * Calls stand before a service that does not answer, the tool they use is locked, and the time runs
 * until the lock is acknowledged (`in_force`, durable) and until each of the calls has its durable end
 * (`drained`). Void if after the acknowledgement a call is admitted or reaches the service, or if one
 * that was in flight is answered with anything but `locked`.
 */
export async function kill(
  governed: Governed,
  admin: AdminClient,
  upstream: Silence,
  count: number,
): Promise<Killed> {
  const { opened } = governed;
  const before = await recorded(admin, opened.workflow);
  await using calls = await callsOf(opened, count + LATE_CALLS);
  const out = Array.from({ length: count }, () => calls.make("note_read"));
  const early = Promise.race(out).then((answer) => {
    throw new Error(`void: answered before the kill: ${answer}`);
  });
  await Promise.race([upstream.holds(Math.min(count, CONNECTOR_SOCKETS)), early]);
  while ((await recorded(admin, opened.workflow)) < before + count) await pause();
  const arrived = upstream.arrived;

  const asked = performance.now();
  const wanted = { target: "tool", value: "note_read", reason: "bench" };
  const { status, body } = await admin.ask("POST", "/locks", wanted);
  const inForceMs = performance.now() - asked;
  const late = Array.from({ length: LATE_CALLS }, () => calls.make("note_read"));
  const lock = body as LockView;
  const path = `/locks/${lock.lock}`;
  let last = lock;
  while (last.drainedAt === null) {
    await pause();
    last = (await admin.ask("GET", path)).body as LockView;
  }
  // The gateway's own two times: asking again and again must not be what is measured.
  const drainedMs = inForceMs + Date.parse(last.drainedAt) - Date.parse(last.inForceAt);

  if (status !== 201 || lock.state !== "in_force" || lock.calls !== count) {
    throw new Error(`void: ${status} ${JSON.stringify(lock)}`);
  }
  for (const answer of await Promise.all([...out, ...late])) {
    if (!answer.includes('"code":"locked"')) throw new Error(`void: ${answer}`);
  }
  if (upstream.arrived > arrived) throw new Error("void: a call left after the kill");
  upstream.release();
  const removed = await admin.ask("DELETE", path);
  if (removed.status !== 200) throw new Error("void: the lock was not removed");
  return { inForceMs, drainedMs };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
