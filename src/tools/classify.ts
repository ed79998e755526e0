import { isObject, type Json, MAX_JSON_DEPTH } from "../core/model/json.ts";
import type { AnnotatedSchema, RecordClass, SchemaType } from "../policy/bundle/model.ts";
import { compileCheck } from "./check-value.ts";
import { CompiledSchema } from "./json-schema.ts";
import { pointer } from "./pointer.ts";

/** One node of an output schema with everything redaction asks of it, worked out once per bundle. */
export interface OutputNode {
  /** Position in `OutputTree.nodes`. */
  readonly index: number;
  /** Where in the schema, as a pointer with `*` for items and map keys. */
  readonly path: string;
  readonly schema: AnnotatedSchema;
  readonly kind: "object" | "array" | "leaf";
  /** Classes of all leaves at or below, sorted. None: nobody classified anything here. */
  readonly classes: readonly string[];
  readonly properties: readonly OutputProperty[];
  readonly names: ReadonlySet<string>;
  /** Values of a map. */
  readonly extra: OutputNode | null;
  readonly items: OutputNode | null;
  readonly records: readonly RecordRule[];
  /** This value alone, not what is inside. */
  readonly check: (value: Json) => boolean;
}

export interface OutputProperty {
  readonly key: string;
  readonly required: boolean;
  readonly node: OutputNode;
}

export interface RecordRule {
  readonly dataClass: string;
  readonly canary: boolean;
  /** A condition that cannot be evaluated counts as met: the record is withheld. */
  readonly matches: (record: Json) => boolean;
  /** Members the condition looks at; null: possibly any. */
  readonly looksAt: ReadonlySet<string> | null;
}

export interface OutputTree {
  readonly root: OutputNode;
  readonly nodes: readonly OutputNode[];
  /** Of leaves and records, sorted: what `disclose` must be asked for. */
  readonly classes: readonly string[];
}

export function classify(schema: AnnotatedSchema): OutputTree {
  const nodes: OutputNode[] = [];
  if (schema.type !== "object") throw new TypeError("a structured result is an object");
  const root = compileNode(schema, null, [], nodes);
  const records = nodes.flatMap((node) => node.records.map((record) => record.dataClass));
  return { root, nodes, classes: sorted([...root.classes, ...records]) };
}

/** The node that describes what stands one step inside; null: nobody declared it. */
export function childOf(node: OutputNode, segment: string): OutputNode | null {
  if (node.kind === "array") return node.items;
  const declared = node.properties.find(({ key }) => key === segment);
  return declared?.node ?? node.extra;
}

export function typesOf(schema: AnnotatedSchema): readonly SchemaType[] {
  return typeof schema.type === "string" ? [schema.type] : schema.type;
}

function compileNode(
  schema: AnnotatedSchema,
  inherited: string | null,
  path: readonly string[],
  nodes: OutputNode[],
): OutputNode {
  if (path.length > MAX_JSON_DEPTH) throw new RangeError("output schema nests too deep");
  const kind = kindOf(schema);
  const dataClass = schema.dataClass ?? inherited;
  const inside = (child: AnnotatedSchema, key: string): OutputNode =>
    compileNode(child, dataClass, [...path, key], nodes);

  const members: Partial<AnnotatedSchema> = kind === "object" ? schema : {};
  const properties = Object.entries(members.properties ?? {}).map(([key, child]) => ({
    key,
    required: schema.required?.includes(key) ?? false,
    node: inside(child, key),
  }));
  const extra = members.additionalProperties ? inside(members.additionalProperties, "*") : null;
  const items = kind === "array" && schema.items ? inside(schema.items, "*") : null;
  const children = [...properties.map(({ node }) => node), extra, items];
  const own = kind === "leaf" && dataClass !== null ? [dataClass] : [];

  const node: OutputNode = {
    index: nodes.length,
    path: pointer(path),
    schema,
    kind,
    classes: sorted([...own, ...children.flatMap((child) => child?.classes ?? [])]),
    properties,
    names: new Set(properties.map(({ key }) => key)),
    extra,
    items,
    records: (schema.records ?? []).map(compileRecord),
    check: compileCheck(schema),
  };
  nodes.push(node);
  return node;
}

/** `bundle check` refuses the same: a value that is data or holds data cannot be judged by node. */
function kindOf(schema: AnnotatedSchema): OutputNode["kind"] {
  const types = typesOf(schema).filter((type) => type !== "null");
  const kind = types.find((type) => type === "object" || type === "array");
  if (kind === undefined) return "leaf";
  if (types.length > 1) throw new TypeError("an object or array cannot be another type, too");
  return kind;
}

function compileRecord({ dataClass, canary = false, when }: RecordClass): RecordRule {
  if (when === undefined) return { dataClass, canary, matches: () => true, looksAt: new Set() };
  const compiled = new CompiledSchema(when);
  return {
    dataClass,
    canary,
    matches: (record) => compiled.matches(record) !== false,
    looksAt: membersRead(when, MAX_JSON_DEPTH),
  };
}

/** Applied to the record itself. Any other keyword may look at members it does not name. */
const COMBINING = ["allOf", "anyOf", "oneOf"];
const CONDITIONAL = ["not", "if", "then", "else"];
const BLIND = ["type", "title", "description", "$comment", "$schema"];

/**
 * A denied column is not fetched; but a condition on it would then see nothing, not match, and
 * disclose the very records it was to withhold. So a condition says what it reads.
 */
function membersRead(when: Json, left: number): ReadonlySet<string> | null {
  if (typeof when === "boolean") return new Set();
  if (!isObject(when) || left === 0) return null;
  const read = new Set<string>();
  for (const [keyword, value] of Object.entries(when)) {
    if (BLIND.includes(keyword)) continue;
    if (keyword === "properties" && isObject(value)) {
      for (const name of Object.keys(value)) read.add(name);
    } else if (keyword === "required" && Array.isArray(value)) {
      for (const name of value) read.add(String(name));
    } else {
      const schemas = CONDITIONAL.includes(keyword)
        ? [value]
        : COMBINING.includes(keyword) && Array.isArray(value)
          ? value
          : null;
      if (schemas === null) return null;
      for (const schema of schemas as readonly Json[]) {
        const inside = membersRead(schema, left - 1);
        if (inside === null) return null;
        for (const name of inside) read.add(name);
      }
    }
  }
  return read;
}

function sorted(classes: readonly string[]): readonly string[] {
  return [...new Set(classes)].sort();
}
