import type { EventBody, WorkflowEvent } from "../model/event.ts";
import { canonical } from "../model/json.ts";

/** SHA-256 of the UTF-8 text, hex. Injected: core has no runtime of its own. */
export type Hash = (text: string) => string;

/** Format version of the record; docs/protocol/audit-record.md has its history. */
export const RECORD_FORMAT = "postern-record/1";

/** One stored event: the bytes are written once and never encoded again. */
export interface ChainedEvent {
  readonly seq: number;
  readonly bytes: string;
  /** SHA-256(previous hash ‖ bytes), hex. */
  readonly hash: string;
}

/** Binds format, tenant and workflow: a chain cannot be passed off as another's. */
export function genesis(hash: Hash, tenant: string, workflow: string): string {
  return hash(canonical({ format: RECORD_FORMAT, tenant, workflow }));
}

export function link(hash: Hash, previous: string, bytes: string): string {
  return hash(previous + bytes);
}

/** `at` and `seq` are stamped here, so that decide stays free of both. */
export function stamp(body: EventBody, seq: number, at: number, workflow: string): WorkflowEvent {
  return { ...body, seq, at, workflow };
}

export type ChainFault =
  | { readonly fault: "gap"; readonly seq: number }
  | { readonly fault: "hash"; readonly seq: number };

/** Null when `event` follows `previous` as number `seq`. */
export function linkFault(
  hash: Hash,
  previous: string,
  seq: number,
  event: ChainedEvent,
): ChainFault | null {
  if (event.seq !== seq) return { fault: "gap", seq };
  return event.hash === link(hash, previous, event.bytes) ? null : { fault: "hash", seq };
}

/** Null when whole; otherwise the first bad record. */
export function verifyChain(
  hash: Hash,
  tenant: string,
  workflow: string,
  events: Iterable<ChainedEvent>,
): ChainFault | null {
  let previous = genesis(hash, tenant, workflow);
  let next = 0;
  for (const event of events) {
    const fault = linkFault(hash, previous, next, event);
    if (fault !== null) return fault;
    previous = event.hash;
    next++;
  }
  return null;
}
