import { createHash } from "node:crypto";
import type { StoredEvent } from "./workflow.ts";

/**
 * The chain of a record, computed again from docs/protocol/audit-record.md alone: whoever does not
 * trust the operator must be able to write these few lines.
 */
export function chainHeads(
  tenant: string,
  workflow: string,
  events: readonly StoredEvent[],
): string[] {
  let head = sha256(canonical({ format: "postern-record/1", tenant, workflow }));
  return events.map(({ event }) => (head = sha256(head + canonical(event))));
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** RFC 8785, as far as events need it: they hold no fractions. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`);
  return `{${members.join(",")}}`;
}
