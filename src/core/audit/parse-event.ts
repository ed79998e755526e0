import type { EventBody, Stamp, WorkflowEvent } from "../model/event.ts";
import { isObject, parseStrict } from "../model/json.ts";
import { FINDINGS, SOURCES } from "../model/command.ts";
import { LOCK_TARGETS } from "../model/lock.ts";
import { APPROVAL_CODES, FAILURES, POLICY_CODES } from "../model/outcome.ts";
import { ACTIONS, POLICY_CLASSES, TIERS } from "../model/policy.ts";
import { SIGNALS } from "../model/signal.ts";

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
  (fields: Checks, optional: Checks = {}): Check =>
  (value) =>
    isObject(value) &&
    Object.keys(fields).every((name) => Object.hasOwn(value, name)) &&
    Object.entries(value).every(([name, member]) => {
      const check = Object.hasOwn(fields, name) ? fields[name] : optional[name];
      return Object.hasOwn({ ...fields, ...optional }, name) && check!(member);
    });

const texts = list(text);
const code = one(...POLICY_CODES, ...Object.keys(FAILURES));
const ruleMap: Check = (value) =>
  map(texts)(value) && Object.keys(value as object).every(one(...POLICY_CLASSES));

const limits = record(
  { calls: count, cost: count, runtimeMs: count },
  { tokens: count, tools: map(count) },
);
const need = { kinds: texts, ruleIds: texts, discloses: texts, plan: text };
const asked = {
  ...need,
  id: text,
  digest: text,
  preview: nullable(text),
  classes: texts,
  expiresAt: count,
};
const subject = { definition: text, operation: text, target: text, idempotency: nullable(text) };
const lock = record({ target: one(...LOCK_TARGETS), value: text });

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
    limits,
    expiresAt: count,
    policyVersion: text,
    ruleIds: texts,
    seat: text,
    jkt: text,
    keyDigest: text,
    lockEpoch: count,
    input: text,
  },
  "seat.granted": {
    ...STAMP,
    seat: text,
    parent: text,
    agent: text,
    jkt: text,
    chain: texts,
    tools: texts,
    limits,
    expiresAt: count,
    policyVersion: text,
    ruleIds: texts,
    call: nullable(text),
    lockEpoch: count,
    input: text,
  },
  "seat.refused": {
    ...STAMP,
    parent: text,
    agent: text,
    chain: texts,
    code: one(...POLICY_CODES),
    policyVersion: text,
    ruleIds: texts,
    input: text,
  },
  "seat.renewed": { ...STAMP, seat: text, chain: texts, input: text },
  "call.admitted": {
    ...STAMP,
    call: text,
    seat: text,
    agent: text,
    chain: texts,
    mode: one("preview", "execute"),
    tool: text,
    definition: text,
    action: one(...ACTIONS),
    destination: text,
    network: text,
    tier: one(...TIERS),
    policyVersion: text,
    rules: ruleMap,
    plan: map(record({ allow: flag, ruleIds: texts })),
    labels: texts,
    writeDomain: nullable(text),
    critical: flag,
    cost: count,
    runtimeMs: count,
    tokens: count,
    operation: nullable(text),
    target: nullable(text),
    idempotency: nullable(text),
    sources: map(list(one(...SOURCES))),
    approval: nullable(text),
    preview: nullable(text),
    need: nullable(record({ ...need, id: text })),
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
    chain: texts,
    tool: nullable(text),
    outcome: one("policy_denied", "failed", "human_approval_required"),
    code: nullable(code),
    policyClass: nullable(one(...POLICY_CLASSES)),
    policyVersion: text,
    ruleIds: texts,
    rules: ruleMap,
    blockedBy: nullable(text),
    approval: nullable(record({ ...asked, ...subject })),
    input: text,
  },
  "call.settled": {
    ...STAMP,
    call: text,
    chain: texts,
    outcome: one(
      "ok",
      "partial_result",
      "human_approval_required",
      "policy_denied",
      "failed",
      "outcome_unknown",
    ),
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
    tokens: count,
    canaries: count,
    approval: nullable(record(asked)),
    input: text,
  },
  "call.resent": {
    ...STAMP,
    call: text,
    chain: texts,
    policyVersion: text,
    txn: text,
    connector: text,
    session: text,
    lockEpoch: count,
    input: text,
  },
  "call.reconciled": {
    ...STAMP,
    call: text,
    chain: texts,
    finding: one(...FINDINGS),
    outcome: one("ok", "failed"),
    code: one("not_dispatched", "rolled_back", null),
    calls: one(0, 1),
    cost: count,
    runtimeMs: count,
    tokens: count,
    input: text,
  },
  "approval.decided": {
    ...STAMP,
    approval: text,
    chain: texts,
    kind: text,
    verdict: one("approve", "reject"),
    human: text,
    policyVersion: text,
    ruleIds: texts,
    complete: flag,
    lockEpoch: count,
    input: text,
  },
  "approval.refused": {
    ...STAMP,
    approval: text,
    chain: texts,
    kind: text,
    human: text,
    code: one(...APPROVAL_CODES),
    policyVersion: text,
    ruleIds: texts,
    input: text,
  },
  "usage.reported": { ...STAMP, seat: text, chain: texts, tokens: count, input: text },
  "signal.raised": {
    ...STAMP,
    signal: one(...SIGNALS),
    seat: nullable(text),
    chain: texts,
    call: nullable(text),
    policyVersion: text,
    containment: nullable(record({ ruleId: text, lock: nullable(lock) })),
    input: text,
  },
  "checkpoint.saved": {
    ...STAMP,
    ...{ seat: text, chain: texts, bytes: count, digest: text, input: text },
  },
  "workflow.closed": { ...STAMP, seat: nullable(text), chain: texts, input: text },
};
