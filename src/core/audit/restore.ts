import type { WorkflowEvent } from "../model/event.ts";
import { evolve } from "../session/evolve.ts";
import { NEW_WORKFLOW, type WorkflowState } from "../session/state.ts";
import { type ChainedEvent, type ChainFault, genesis, type Hash, linkFault } from "./chain.ts";
import { type EventFault, parseEvent } from "./parse-event.ts";

export type Restored =
  | { readonly ok: true; readonly state: WorkflowState; readonly head: string }
  | { readonly ok: false; readonly fault: RecordFault };

export type RecordFault = { readonly seq: number } & (ChainFault | EventFault);

/**
 * State from the record. One bad event and there is no state: a service that extended a chain it
 * cannot verify would sign for what somebody else wrote.
 */
export function restore(
  hash: Hash,
  tenant: string,
  workflow: string,
  events: Iterable<ChainedEvent>,
): Restored {
  let state = NEW_WORKFLOW;
  let head = genesis(hash, tenant, workflow);
  for (const stored of events) {
    const read = readEvent(hash, head, state.next, workflow, stored);
    if (!read.ok) return read;
    state = evolve(state, read.event);
    head = stored.hash;
  }
  return { ok: true, state, head };
}

/** The next event of a chain: linked, of our format, in its place. */
export function readEvent(
  hash: Hash,
  previous: string,
  seq: number,
  workflow: string,
  stored: ChainedEvent,
):
  | { readonly ok: true; readonly event: WorkflowEvent }
  | { readonly ok: false; readonly fault: RecordFault } {
  const broken = linkFault(hash, previous, seq, stored);
  if (broken !== null) return { ok: false, fault: broken };
  const parsed = parseEvent(stored.bytes, seq, workflow);
  if (parsed.ok) return parsed;
  const { ok, ...fault } = parsed;
  return { ok, fault: { seq, ...fault } };
}
