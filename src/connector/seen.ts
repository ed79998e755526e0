import type { SeenState } from "../tunnel/protocol.ts";
import type { Executor } from "./executor.ts";
import type { Journal } from "./journal.ts";

/** Well within the time a gateway waits for the answer. */
const ASK_MS = 1_500;

/**
 * What is known of a call: the journal's word, and where that names a transaction without an end, the
 * database's. Never rejects; who cannot be asked now may be asked later, so that is `started`.
 */
export async function seenState(
  journal: Pick<Journal, "seen" | "settled">,
  executors: ReadonlyMap<string, Pick<Executor, "endOf">>,
  call: string,
): Promise<SeenState> {
  const { state, transaction } = journal.seen(call);
  if (transaction === null) return state;
  const { destination, xid } = transaction;
  const asked = executors.get(destination)?.endOf?.(xid, AbortSignal.timeout(ASK_MS));
  const end = (await asked?.catch(() => undefined)) ?? "started";
  if (end === "committed" || end === "aborted") journal.settled(call, end);
  return end;
}
