import { type ArgumentSources, SOURCES } from "../../core/model/command.ts";
import { isObject, type JsonObject } from "../../core/model/json.ts";
import { POLICY_CLASSES, type PolicyClass } from "../../core/model/policy.ts";
import { find, type Located } from "./located.ts";
import { ARGUMENT_NAME, PLAIN_ID } from "./names.ts";
import { APPROVAL, LABEL, WRITE_DOMAIN, type Vocabulary } from "./policy-references.ts";
import {
  dictionary,
  expectKnown,
  expectType,
  fields,
  flag,
  id,
  integer,
  list,
  oneOf,
  optional,
  raw,
  required,
  text,
  type Place,
} from "./read.ts";
import type { ReadTool } from "./tool.ts";

/** One expectation of `policies/tests.yaml`. Counters are what was used before this call. */
export interface PolicyTest {
  readonly name: string;
  readonly agent: string;
  readonly tool: string;
  readonly purpose: string | undefined;
  readonly trust: string | undefined;
  readonly arguments: JsonObject;
  readonly labels: readonly string[];
  readonly writeDomains: readonly string[];
  readonly calls: number;
  readonly cost: number;
  readonly runtimeMs: number;
  readonly depth: number;
  readonly tokens: number;
  /** Agents behind the caller, from the nearest to the one that the human started. */
  readonly chain: readonly string[];
  /** Kinds that humans have given. */
  readonly approvals: readonly string[];
  readonly sources: ArgumentSources;
  /** Set: the question is whether this human may give this kind for such a call. */
  readonly human: TestHuman | undefined;
  readonly expect: "allow" | "deny" | "approval";
  /** Undefined: not compared. */
  readonly kinds: readonly string[] | undefined;
  readonly policyClass: PolicyClass | undefined;
  readonly rules: readonly string[];
  /** Undefined: not compared. */
  readonly redacts: readonly string[] | undefined;
  readonly offset: number;
}

export interface TestHuman {
  readonly groups: readonly string[];
  readonly approve: string;
  /** The human is the one who started the workflow. */
  readonly requester: boolean;
}

const read = fields({
  name: required(text(200)),
  agent: required(text(64)),
  tool: required(text(64)),
  purpose: optional(id(PLAIN_ID)),
  trust: optional(text(64)),
  arguments: optional(raw),
  labels: optional(list(text(64))),
  calls: optional(integer(0)),
  cost: optional(integer(0)),
  runtimeMs: optional(integer(0)),
  depth: optional(integer(0, 64)),
  tokens: optional(integer(0)),
  writeDomains: optional(list(text(64))),
  chain: optional(list(text(64))),
  approvals: optional(list(text(64))),
  sources: optional(dictionary(ARGUMENT_NAME, list(oneOf(SOURCES), 1))),
  human: optional(
    fields({
      groups: required(list(text(256))),
      approve: required(text(64)),
      requester: optional(flag),
    }),
  ),
  expect: required(oneOf(["allow", "deny", "approval"])),
  kinds: optional(list(text(64), 1)),
  class: optional(oneOf(POLICY_CLASSES)),
  rules: optional(list(text(128))),
  redacts: optional(list(text(64))),
});

const readFile = fields({ tests: required(list(raw)) });

export interface TestNames {
  readonly vocabulary: Vocabulary;
  readonly rules: readonly string[];
  readonly tools: readonly ReadTool[];
}

/** The tests without a mistake of their own. */
export function readTests(root: Located, names: TestNames, place: Place): readonly PolicyTest[] {
  const nodes = readFile(root, place)?.tests;
  if (nodes?.length === 0) {
    place.report.add(
      place.file,
      root.offset,
      "tests_missing",
      "no test says what these policies must decide",
      "write at least one test that must be allowed and one that must be denied",
    );
  }
  const seen = new Set<string>();
  return (nodes ?? []).flatMap((node) => readTest(node, names, seen, place) ?? []);
}

function readTest(
  node: Located,
  names: TestNames,
  seen: Set<string>,
  place: Place,
): PolicyTest | undefined {
  const before = place.report.count;
  const values = read(node, place);
  if (values === undefined) return undefined;
  checkNames(node, names, place);
  checkSense(node, place);
  const { name, agent, tool, expect } = values;
  if (name !== undefined && seen.has(name)) {
    place.report.add(
      place.file,
      find(node, "name")?.offset ?? node.offset,
      "duplicate_value",
      "another test has this name",
      "give each test a name of its own",
    );
  }
  if (name !== undefined) seen.add(name);
  if (place.report.count > before) return undefined;
  if (name === undefined || agent === undefined || tool === undefined || expect === undefined) {
    return undefined;
  }
  return {
    name,
    agent,
    tool,
    purpose: values.purpose,
    trust: values.trust,
    arguments: isObject(values.arguments?.value) ? values.arguments.value : {},
    labels: values.labels ?? [],
    writeDomains: values.writeDomains ?? [],
    calls: values.calls ?? 0,
    cost: values.cost ?? 0,
    runtimeMs: values.runtimeMs ?? 0,
    depth: values.depth ?? 0,
    tokens: values.tokens ?? 0,
    chain: values.chain ?? [],
    approvals: values.approvals ?? [],
    sources: Object.fromEntries(
      [...(values.sources ?? [])].map(([argument, from]) => [argument, from ?? []]),
    ),
    human: humanOf(values.human),
    expect,
    kinds: values.kinds,
    policyClass: values.class,
    rules: values.rules ?? [],
    redacts: values.redacts,
    offset: node.offset,
  };
}

function humanOf(human: NonNullable<ReturnType<typeof read>>["human"]): TestHuman | undefined {
  if (human?.groups === undefined || human.approve === undefined) return undefined;
  const { groups, approve, requester } = human;
  return { groups, approve, requester: requester === true };
}

function checkNames(node: Located, names: TestNames, place: Place): void {
  const { vocabulary } = names;
  const one = (key: string, known: readonly string[], ...rest: Naming): void => {
    const at = find(node, key);
    if (at?.type === "string") expectKnown(at.value as string, known, at.offset, ...rest, place);
  };
  const each = (key: string, known: readonly string[], ...rest: Naming): void => {
    for (const at of find(node, key)?.items ?? []) {
      if (at.type === "string") expectKnown(at.value as string, known, at.offset, ...rest, place);
    }
  };
  one("agent", vocabulary.agents, "unknown_agent", "agent", "agents.jsonc");
  one("tool", vocabulary.tools, "unknown_tool", "tool", "tools/");
  one("trust", vocabulary.trust, "unknown_trust", "trust edge", "trust.jsonc");
  one("purpose", vocabulary.purposes, "unknown_purpose", "purpose", "an edge of trust.jsonc");
  each("labels", vocabulary.labels, LABEL.code, LABEL.what, LABEL.where);
  each(
    "writeDomains",
    vocabulary.writeDomains,
    WRITE_DOMAIN.code,
    WRITE_DOMAIN.what,
    WRITE_DOMAIN.where,
  );
  each("rules", names.rules, "unknown_rule", "rule", "policies/");
  each("chain", vocabulary.agents, "unknown_agent", "agent", "agents.jsonc");
  each("approvals", vocabulary.approvals, APPROVAL.code, APPROVAL.what, APPROVAL.where);
  each("kinds", vocabulary.approvals, APPROVAL.code, APPROVAL.what, APPROVAL.where);
  const approve = find(node, "human", "approve");
  if (approve?.type === "string") {
    const { code, what, where } = APPROVAL;
    expectKnown(
      approve.value as string,
      vocabulary.approvals,
      approve.offset,
      code,
      what,
      where,
      place,
    );
  }
  const tool = names.tools.find((candidate) => candidate.id === find(node, "tool")?.value);
  const classes = tool?.description?.tool.dataClasses;
  if (classes !== undefined) {
    each("redacts", classes, "unknown_data_class", "data class", "the output of this tool");
  }
  for (const [name, { keyOffset }] of find(node, "sources")?.members ?? []) {
    expectKnown(
      name,
      tool?.sourceArguments ?? [],
      keyOffset,
      "argument_unknown",
      "argument",
      '"sourceArguments" of this tool',
      place,
    );
  }
  const args = find(node, "arguments");
  if (args === undefined || !expectType(args, "object", place) || tool === undefined) return;
  for (const [name, member] of args.members) {
    const known = expectKnown(
      name,
      tool.arguments,
      member.keyOffset,
      "argument_unknown",
      "argument",
      "the input schema of this tool",
      place,
    );
    if (known) checkArgument(name, member.node, tool, place);
  }
}

type Naming = readonly [Parameters<typeof expectKnown>[3], string, string];

/** An ill-typed argument would never reach a policy: the schema check comes first. */
function checkArgument(name: string, node: Located, tool: ReadTool, place: Place): void {
  const type = tool.policyArguments.find((argument) => argument.name === name)?.type.type;
  const expected =
    type && ({ String: "string", Long: "number", Boolean: "boolean", Set: "array" } as const)[type];
  if (expected !== undefined && !expectType(node, expected, place)) return;
  const schema = tool.description?.input["properties"];
  const property = isObject(schema) ? schema[name] : undefined;
  const allowed = isObject(property) ? property["enum"] : undefined;
  if (!Array.isArray(allowed) || node.type !== "string") return;
  oneOf(allowed.filter((value): value is string => typeof value === "string"))(node, place);
}

/** What can never come true together. */
function checkSense(node: Located, place: Place): void {
  const expect = find(node, "expect")?.value;
  const contradicts = expect === "allow" ? "class" : expect === "deny" ? "redacts" : undefined;
  const at = contradicts && node.members.get(contradicts);
  if (!at) return;
  place.report.add(
    place.file,
    at.keyOffset,
    "test_contradicts",
    expect === "allow"
      ? '"class" names the class that denies, but this call is to be allowed'
      : '"redacts" says what is left out of an answer, but this call is to be denied',
    `remove "${contradicts}", or turn "expect" round`,
  );
}
