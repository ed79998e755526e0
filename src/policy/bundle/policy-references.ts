import { entitiesOf, literalsOf } from "../cedar/walk.ts";
import type { MistakeCode } from "./mistake.ts";
import type { ParsedPolicy } from "./policies.ts";
import { expectKnown, type Place } from "./read.ts";

/** Every name of the bundle a policy may speak of. */
export interface Vocabulary {
  readonly agents: readonly string[];
  readonly tools: readonly string[];
  readonly destinations: readonly string[];
  readonly dataClasses: readonly string[];
  readonly labels: readonly string[];
  readonly writeDomains: readonly string[];
  readonly purposes: readonly string[];
  readonly trust: readonly string[];
  readonly approvals: readonly string[];
}

interface Kind {
  readonly code: MistakeCode;
  readonly what: string;
  readonly where: string;
  readonly known: keyof Vocabulary;
}

const AGENT: Kind = {
  code: "unknown_agent",
  what: "agent",
  where: "agents.jsonc",
  known: "agents",
};
const TOOL: Kind = { code: "unknown_tool", what: "tool", where: "tools/", known: "tools" };
const DESTINATION: Kind = {
  code: "unknown_destination",
  what: "destination",
  where: "destinations of bundle.jsonc",
  known: "destinations",
};
const DATA_CLASS: Kind = {
  code: "unknown_data_class",
  what: "data class",
  where: "dataClasses of bundle.jsonc",
  known: "dataClasses",
};
export const LABEL: Kind = {
  code: "unknown_label",
  what: "label",
  where: "labels of bundle.jsonc",
  known: "labels",
};
export const WRITE_DOMAIN: Kind = {
  code: "unknown_write_domain",
  what: "write domain",
  where: "writeDomains of bundle.jsonc",
  known: "writeDomains",
};
const PURPOSE: Kind = {
  code: "unknown_purpose",
  what: "purpose",
  where: "an edge of trust.jsonc",
  known: "purposes",
};
const TRUST: Kind = {
  code: "unknown_trust",
  what: "trust edge",
  where: "trust.jsonc",
  known: "trust",
};

export const APPROVAL: Kind = {
  code: "unknown_approval",
  what: "kind of approval",
  where: "approvals of bundle.jsonc",
  known: "approvals",
};

const ENTITIES = new Map<string, Kind>([
  ["Agent", AGENT],
  ["Tool", TOOL],
  ["Destination", DESTINATION],
  ["DataClass", DATA_CLASS],
  ["ApprovalKind", APPROVAL],
]);

const ATTRIBUTES = new Map<string, Kind>([
  ["labels", LABEL],
  ["writeDomains", WRITE_DOMAIN],
  ["purpose", PURPOSE],
  ["trust", TRUST],
  ["tool", TOOL],
  ["approvals", APPROVAL],
  ["agent", AGENT],
  ["chain", AGENT],
]);

/**
 * Cedar's schema knows types, not names: a rule about `Agent::"suport-agent"` validates and never
 * applies. So every name a policy writes down is looked up.
 */
export function checkReferences(policy: ParsedPolicy, vocabulary: Vocabulary, place: Place): void {
  const { json, piece } = policy;
  const seen = new Set<string>();
  const check = (kind: Kind | undefined, name: string, pattern: RegExp): void => {
    if (kind === undefined || seen.has(`${kind.what} ${name}`)) return;
    seen.add(`${kind.what} ${name}`);
    const at = Math.max(0, piece.text.search(pattern));
    const { code, what, where, known } = kind;
    expectKnown(name, vocabulary[known], piece.offset + at, code, what, where, place);
  };
  for (const { type, id } of entitiesOf(json)) {
    const literal = new RegExp(`\\b${escaped(type)}\\s*::\\s*"${escaped(id)}"`);
    check(ENTITIES.get(type), id, literal);
  }
  for (const { attribute, value } of literalsOf(json)) {
    check(ATTRIBUTES.get(attribute), value, new RegExp(`"${escaped(value)}"`));
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
