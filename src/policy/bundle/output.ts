import type { JsonObject } from "../../core/model/json.ts";
import { checkRequired, checkTypes, typesOf, unknownKeyword, VALUE_KEYWORDS } from "./keywords.ts";
import { find, type Located } from "./located.ts";
import type { AnnotatedSchema, OutputDescription, SchemaType } from "./model.ts";
import { checkPlainSchema } from "./plain-schema.ts";
import {
  expectKnown,
  expectType,
  fields,
  flag,
  missing,
  oneOf,
  optional,
  raw,
  required,
  text,
  type Place,
} from "./read.ts";

const OUTPUT_KINDS = ["json", "text", "binary", "mcp-content", "rows"] as const;
const read = fields({
  kind: required(oneOf(OUTPUT_KINDS)),
  schema: optional(raw),
  wrap: optional(text(64)),
  dataClass: optional(text(64)),
});

const KNOWN = [
  "type",
  "properties",
  "required",
  "items",
  "additionalProperties",
  "dataClass",
  "records",
  ...Object.keys(VALUE_KEYWORDS),
];

export interface Output {
  readonly description: OutputDescription | undefined;
  /** Every class the result may hold, sorted. */
  readonly classes: readonly string[];
}

export function readOutput(node: Located, known: readonly string[], place: Place): Output {
  const values = read(node, place);
  if (values?.kind === undefined) return { description: undefined, classes: [] };
  const { kind, schema, dataClass } = values;
  if (kind === "rows") {
    for (const key of ["schema", "dataClass"]) {
      const fix = `remove "${key}": classes of a query's columns stand at its destination`;
      if (node.members.has(key)) misplaced(key, node, fix, place);
    }
    return { description: { kind }, classes: [] };
  }
  if (kind === "json") {
    if (node.members.has("dataClass")) {
      misplaced("dataClass", node, 'put "dataClass" on the fields of the schema', place);
    }
    if (schema === undefined) {
      missing(node, "schema", place);
      return { description: undefined, classes: [] };
    }
    const { wrap } = values;
    if (wrap !== undefined) checkWrap(wrap, schema, node, place);
    const annotated = schema.value as unknown as AnnotatedSchema;
    return {
      description: { kind, schema: annotated, ...(wrap !== undefined && { wrap }) },
      classes: new OutputWalk(known, place).root(schema),
    };
  }
  if (node.members.has("wrap")) {
    misplaced("wrap", node, `remove "wrap": output of the kind "${kind}" is opaque`, place);
  }
  if (node.members.has("schema")) {
    misplaced("schema", node, `remove "schema": output of the kind "${kind}" is opaque`, place);
  }
  if (dataClass === undefined) {
    if (!node.members.has("dataClass")) missing(node, "dataClass", place);
    return { description: undefined, classes: [] };
  }
  expectClass(dataClass, known, find(node, "dataClass")?.offset ?? node.offset, place);
  return { description: { kind, dataClass }, classes: [dataClass] };
}

function checkWrap(wrap: string, schema: Located, node: Located, place: Place): void {
  const names = [...(find(schema, "properties")?.members.keys() ?? [])];
  if (names.length === 1 && names[0] === wrap) return;
  place.report.add(
    place.file,
    find(node, "wrap")?.offset ?? node.offset,
    "wrong_value",
    `"${wrap}" is not the one property of the schema`,
    `describe the answer as { "type": "object", "properties": { "${wrap}": … } }`,
  );
}

/** A schema of its own, as of a preview: the classes it may show, sorted; undefined: it has a mistake. */
export function readSchema(
  schema: Located,
  known: readonly string[],
  place: Place,
): readonly string[] | undefined {
  const before = place.report.count;
  const classes = new OutputWalk(known, place).root(schema);
  return place.report.count === before ? classes : undefined;
}

function misplaced(key: string, node: Located, fix: string, place: Place): void {
  place.report.add(
    place.file,
    node.members.get(key)?.keyOffset ?? node.offset,
    "annotation_misplaced",
    `"${key}" has no meaning here`,
    fix,
  );
}

function expectClass(name: string, known: readonly string[], offset: number, place: Place): void {
  expectKnown(
    name,
    known,
    offset,
    "unknown_data_class",
    "data class",
    "dataClasses of bundle.jsonc",
    place,
  );
}

/** Walks one annotated schema: whatever it lets pass, redaction can classify and remove. */
class OutputWalk {
  readonly #known: readonly string[];
  readonly #place: Place;
  readonly #classes = new Set<string>();
  #classified = 0;

  constructor(known: readonly string[], place: Place) {
    this.#known = known;
    this.#place = place;
  }

  root(schema: Located): readonly string[] {
    this.#schema(schema, undefined, "");
    if (schema.type === "object") {
      const types = typesOf(schema);
      if (types.length > 0 && (types.length !== 1 || types[0] !== "object")) {
        this.#add(
          find(schema, "type") ?? schema,
          "output_not_object",
          "a structured result is always an object",
          'write "type": "object", and wrap another value in a property',
        );
      }
      if (this.#classified === 0) {
        this.#add(
          schema,
          "output_unclassified",
          "no field of this result has a data class, so nothing of it could be delivered",
          'put "dataClass" on the schema or on its fields',
        );
      }
    }
    return [...this.#classes].sort();
  }

  #schema(node: Located, inherited: string | undefined, path: string): void {
    if (!expectType(node, "object", this.#place)) return;
    this.#keywords(node);
    const dataClass = this.#dataClass(node) ?? inherited;
    const types = typesOf(node);
    const kinds = types.filter((type) => type !== "null");
    if (!node.members.has("type")) {
      this.#add(node, "schema_type", "a schema without a type", 'add "type"');
    } else if (kinds.length > 1 && kinds.some(isContainer)) {
      this.#add(
        find(node, "type") ?? node,
        "schema_type",
        "an object or array cannot be another type, too (only null)",
        "choose one type, or wrap the alternatives in separate properties",
      );
    }
    if (kinds.includes("object")) this.#object(node, dataClass, path);
    else if (kinds.includes("array")) this.#array(node, dataClass, path);
    else if (types.length > 0) this.#leaf(node, dataClass, path);
    this.#records(node, kinds);
  }

  #keywords(node: Located): void {
    for (const [key, { node: value, keyOffset }] of node.members) {
      if (key === "type") checkTypes(value, this.#place);
      else if (Object.hasOwn(VALUE_KEYWORDS, key)) VALUE_KEYWORDS[key]?.(value, this.#place);
      else if (!KNOWN.includes(key)) unknownKeyword(key, KNOWN, keyOffset, this.#place);
    }
  }

  #dataClass(node: Located): string | undefined {
    const named = find(node, "dataClass");
    if (named === undefined || !expectType(named, "string", this.#place)) return undefined;
    expectClass(named.value as string, this.#known, named.offset, this.#place);
    return named.value as string;
  }

  #object(node: Located, dataClass: string | undefined, path: string): void {
    const properties = find(node, "properties");
    const rest = find(node, "additionalProperties");
    if (properties !== undefined && expectType(properties, "object", this.#place)) {
      for (const [name, member] of properties.members) {
        this.#schema(member.node, dataClass, `${path}/${pointer(name)}`);
      }
    }
    checkRequired(find(node, "required"), [...(properties?.members.keys() ?? [])], this.#place);
    if (rest !== undefined && rest.value !== false) {
      if (rest.value === true) {
        this.#add(
          rest,
          "schema_incomplete",
          "fields nobody declared would be delivered",
          "describe them with a schema, or write false",
        );
      } else this.#schema(rest, dataClass, `${path}/*`);
    } else if ((properties?.members.size ?? 0) === 0) {
      this.#add(
        node,
        "schema_incomplete",
        "an object without properties: everything in it would be removed",
        'add "properties", or "additionalProperties" with a schema',
      );
    }
  }

  #array(node: Located, dataClass: string | undefined, path: string): void {
    const items = find(node, "items");
    if (items !== undefined) this.#schema(items, dataClass, `${path}/*`);
    else {
      this.#add(
        node,
        "schema_incomplete",
        "an array without items: everything in it would be removed",
        'add "items" with a schema',
      );
    }
  }

  #leaf(node: Located, dataClass: string | undefined, path: string): void {
    if (dataClass !== undefined) {
      this.#classified++;
      this.#classes.add(dataClass);
      return;
    }
    this.#add(
      node,
      "field_unclassified",
      `the field ${path === "" ? "/" : path} has no data class, so it would always be removed`,
      'add "dataClass" here or on an object around it, or remove the field',
    );
  }

  #records(node: Located, kinds: readonly SchemaType[]): void {
    const records = find(node, "records");
    if (records === undefined) return;
    if (!kinds.includes("object")) {
      misplaced(
        "records",
        node,
        'put "records" on the schema of the record, an object',
        this.#place,
      );
    }
    if (!expectType(records, "array", this.#place)) return;
    for (const item of records.items) {
      const values = recordClass(item, this.#place);
      if (values?.dataClass !== undefined) {
        const offset = find(item, "dataClass")?.offset ?? item.offset;
        expectClass(values.dataClass, this.#known, offset, this.#place);
        this.#classes.add(values.dataClass);
      }
      if (values?.when !== undefined && expectType(values.when, "object", this.#place)) {
        checkPlainSchema(values.when, values.when, this.#place);
        this.#checkCondition(values.when, node);
      }
    }
  }

  /** A condition on a field that is not there never holds, and the record slips through. */
  #checkCondition(when: Located, record: Located): void {
    const known = Object.keys((find(record, "properties")?.value ?? {}) as JsonObject);
    for (const [name, member] of find(when, "properties")?.members ?? []) {
      if (known.includes(name)) continue;
      expectKnown(
        name,
        known,
        member.keyOffset,
        "schema_required",
        "field",
        "properties of this record",
        this.#place,
      );
    }
    checkRequired(find(when, "required"), known, this.#place);
  }

  #add(
    node: Located,
    code: Parameters<Place["report"]["add"]>[2],
    message: string,
    fix: string,
  ): void {
    this.#place.report.add(this.#place.file, node.offset, code, message, fix);
  }
}

const recordClass = fields({
  dataClass: required(text(64)),
  canary: optional(flag),
  when: optional(raw),
});

function isContainer(type: SchemaType): boolean {
  return type === "object" || type === "array";
}

function pointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
