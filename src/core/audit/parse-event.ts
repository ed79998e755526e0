import type { EventBody, Stamp, WorkflowEvent } from "../model/event.ts";
import { isObject, parseStrict } from "../model/json.ts";
import { FAILURES, POLICY_CODES } from "../model/outcome.ts";
import { ACTIONS, POLICY_CLASSES } from "../model/policy.ts";

export type EventFault =
  /** Not JSON, or JSON that two readers could read in two ways. */
  | { readonly fault: "not_json" }
  /** Written by another version, or by somebody else. */
  | { readonly fault: "unknown_type" }
  /** Names another workflow or place than the one it was found in. */
  | { readonly fault: "misplaced" }
  /** `field` is one of ours, or null where the event has a member that is not. */
  | { readonly fault: "bad_field"; readonly field: string | null };

export type ParsedEvent =
  | { readonly ok: true; readonly event: WorkflowEvent }
  | ({ readonly ok: false } & EventFault);

/**
 * Stored bytes → event, strictly. State is folded from what comes out of here, so whatever is not
 * exactly an event of this format is a fault: reading on would be guessing (P2).
 */
export function parseEvent(bytes: string, seq: number, workflow: string): ParsedEvent {
  const parsed = parseStrict(bytes);
  if (!parsed.ok || !isObject(parsed.value)) return { ok: false, fault: "not_json" };
  const found = parsed.value;
  const type = found["type"];
  if (typeof type !== "string" || !Object.hasOwn(FIELDS, type)) {
    return { ok: false, fault: "unknown_type" };
  }
  const fields: Checks = FIELDS[type as EventBody["type"]];
  const wrong = Object.keys(fields).find(
    (field) => !Object.hasOwn(found, field) || !fields[field]!(found[field]),
  );
  if (wrong !== undefined) return { ok: false, fault: "bad_field", field: wrong };
  if (Object.keys(found).length !== Object.keys(fields).length) {
    return { ok: false, fault: "bad_field", field: null };
  }
  if (found["seq"] !== seq || found["workflow"] !== workflow) {
    return { ok: false, fault: "misplaced" };
  }
  // Every member was checked just now, by a table that the compiler holds against the union.
  return { ok: true, event: found as unknown as WorkflowEvent };
}

type Check = (value: unknown) => boolean;
interface Checks {
  readonly [field: string]: Check;
}

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const one =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value);
const nullable =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const map =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(check);
const record =
  (fields: Checks): Check =>
  (value) =>
    isObject(value) &&
    Object.keys(value).length === Object.keys(fields).length &&
    Object.entries(fields).every(
      ([name, check]) => Object.hasOwn(value, name) && check(value[name]),
    );

const texts = list(text);
const code = one(...POLICY_CODES, ...Object.keys(FAILURES));
const ruleMap: Check = (value) =>
  map(texts)(value) && Object.keys(value as object).every(one(...POLICY_CLASSES));

const STAMP = {
  type: text,
  seq: count,
  at: count,
  workflow: text,
} satisfies { [field in keyof Stamp | "type"]: Check };

type FieldsOf<Event> = { readonly [field in keyof Event | keyof Stamp]-?: Check };

const FIELDS: { readonly [Event in EventBody as Event["type"]]: FieldsOf<Event> } = {
  "workflow.opened": {
    ...STAMP,
    tenant: text,
    human: text,
    agent: text,
    purpose: text,
    tools: texts,
    limits: record({ calls: count, cost: count, runtimeMs: count }),
    expiresAt: count,
    policyVersion: text,
    ruleIds: texts,
    seat: text,
    jkt: text,
    keyDigest: text,
    input: text,
  },
  "seat.renewed": { ...STAMP, seat: text, input: text },
  "call.admitted": {
    ...STAMP,
    call: text,
    seat: text,
    agent: text,
    tool: text,
    definition: text,
    action: one(...ACTIONS),
    destination: text,
    policyVersion: text,
    rules: ruleMap,
    plan: map(record({ allow: flag, ruleIds: texts })),
    labels: texts,
    writeDomain: nullable(text),
    cost: count,
    runtimeMs: count,
    txn: text,
    connector: text,
    session: text,
    lockEpoch: count,
    input: text,
  },
  "call.refused": {
    ...STAMP,
    call: text,
    seat: text,
    agent: text,
    tool: nullable(text),
    outcome: one("policy_denied", "failed"),
    code,
    policyClass: nullable(one(...POLICY_CLASSES)),
    policyVersion: text,
    ruleIds: texts,
    rules: ruleMap,
    input: text,
  },
  "call.settled": {
    ...STAMP,
    call: text,
    outcome: one("ok", "partial_result", "policy_denied", "failed", "outcome_unknown"),
    code: nullable(code),
    ruleIds: texts,
    redactions: list(record({ path: text, dataClass: text, count })),
    dropped: count,
    undeclared: count,
    truncated: flag,
    bytes: count,
    calls: one(0, 1),
    cost: count,
    runtimeMs: count,
    input: text,
  },
  "call.reconciled": {
    ...STAMP,
    call: text,
    outcome: one("failed"),
    code: one("not_dispatched"),
    calls: one(0),
    cost: one(0),
    runtimeMs: one(0),
    input: text,
  },
  "checkpoint.saved": { ...STAMP, seat: text, bytes: count, digest: text, input: text },
  "workflow.closed": { ...STAMP, seat: nullable(text), input: text },
};
