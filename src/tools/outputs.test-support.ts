import fc from "fast-check";
import type { Json } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { AnnotatedSchema, RecordClass, SchemaType } from "../policy/bundle/model.ts";

/** Random annotated schemas, values that conform to them, and plans: what redaction must hold for. */
export const CLASSES = ["amber", "blue", "coral", "dune"] as const;

/** Keys that break naive code: pointers, prototypes, wildcards, nothing at all. */
const KEYS = ["id", "name", "a/b", "m~n", "constructor", "toString", "*", "", "é", "rows"];

/** A leaf that the value really holds, with what an observer may learn of it. */
export interface Leaf {
  readonly canary: string | number;
  /** Null: undeclared, or declared and not classified. */
  readonly dataClass: string | null;
  /** Classes of the records around it that apply. */
  readonly records: readonly string[];
}

export interface Sample {
  readonly schema: AnnotatedSchema;
  readonly value: Json;
  readonly leaves: readonly Leaf[];
}

const dataClass = fc.constantFrom(...CLASSES);
const maybeClass = fc.option(dataClass, { nil: undefined });

const leafSchema: fc.Arbitrary<AnnotatedSchema> = fc
  .record({
    type: fc.constantFrom<SchemaType | SchemaType[]>(
      "string",
      "integer",
      "number",
      ["string", "null"],
      ["integer", "string"],
    ),
    dataClass: fc.option(dataClass, { nil: undefined, freq: 6 }),
    maxLength: fc.constantFrom(undefined, 64),
    description: fc.constantFrom(undefined, "a leaf"),
  })
  .map(compact);

function objectSchema(inside: fc.Arbitrary<AnnotatedSchema>): fc.Arbitrary<AnnotatedSchema> {
  return fc
    .record({
      members: fc.uniqueArray(fc.tuple(fc.constantFrom(...KEYS), inside, fc.boolean()), {
        minLength: 1,
        maxLength: 4,
        selector: ([key]) => key,
      }),
      extra: fc.option(inside, { nil: undefined, freq: 3 }),
      nullable: fc.boolean(),
      dataClass: maybeClass,
      records: fc.array(recordClass, { maxLength: 2 }),
    })
    .map(({ members, extra, nullable, dataClass: own, records }) =>
      compact({
        type: nullable ? (["object", "null"] as const) : "object",
        properties: Object.fromEntries(members.map(([key, schema]) => [key, schema])),
        required: members.filter(([, , required]) => required).map(([key]) => key),
        additionalProperties: extra ?? false,
        dataClass: own,
        records: records.length > 0 ? records : undefined,
      }),
    );
}

/** A marker that no schema declares tells which records a condition means. */
const recordClass: fc.Arbitrary<RecordClass> = fc.oneof(
  dataClass.map((of) => ({ dataClass: of })),
  dataClass.map((of) => ({
    dataClass: of,
    when: { required: ["marker"], properties: { marker: { const: of } } },
  })),
);

function arraySchema(inside: fc.Arbitrary<AnnotatedSchema>): fc.Arbitrary<AnnotatedSchema> {
  return fc
    .record({ items: inside, minItems: fc.constantFrom(undefined, 1), dataClass: maybeClass })
    .map(({ items, minItems, dataClass: own }) =>
      compact({ type: "array", items, minItems, dataClass: own }),
    );
}

const { node } = fc.letrec<{ node: AnnotatedSchema }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    leafSchema,
    objectSchema(tie("node")),
    arraySchema(tie("node")),
  ),
}));

export const rootSchema: fc.Arbitrary<AnnotatedSchema> = objectSchema(node).map((schema) => ({
  ...schema,
  type: "object",
}));

export const plan: fc.Arbitrary<RedactionPlan> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...CLASSES), fc.boolean()), { selector: ([name]) => name })
  .map((entries) =>
    Object.fromEntries(
      entries.map(([name, allow]) => [name, { allow, ruleIds: [`rule-${name}`] }]),
    ),
  );

/** A schema with a value that conforms; every leaf of it is different from every other. */
export const sample: fc.Arbitrary<Sample> = fc
  .tuple(rootSchema, fc.infiniteStream(fc.nat({ max: 1_000 })))
  .map(([schema, choices]) => {
    const maker = new Maker(() => choices.next().value as number);
    return { schema, value: maker.make(schema, null, [], false), leaves: maker.leaves };
  });

export interface Pair {
  readonly schema: AnnotatedSchema;
  readonly before: Json;
  readonly after: Json;
  readonly leaves: readonly Leaf[];
}

/** Two values of one schema that have no leaf in common. */
export const pair: fc.Arbitrary<Pair> = fc
  .tuple(rootSchema, fc.infiniteStream(fc.nat({ max: 1_000 })))
  .map(([schema, choices]) => {
    const choose = (): number => choices.next().value as number;
    const [old, made] = [new Maker(choose), new Maker(choose, 5_000_000)];
    const before = old.make(schema, null, [], false);
    const after = made.make(schema, null, [], false);
    return { schema, before, after, leaves: [...old.leaves, ...made.leaves] };
  });

/** The same without anything undeclared or unclassified: what a preview accepts. */
export const declaredPair: fc.Arbitrary<Pair> = pair.map(({ schema, ...values }) => ({
  ...values,
  schema: declared(schema),
  before: withoutUndeclared(values.before),
  after: withoutUndeclared(values.after),
}));

function declared(schema: AnnotatedSchema): AnnotatedSchema {
  return { ...schema, dataClass: schema.dataClass ?? "amber" };
}

function withoutUndeclared(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(withoutUndeclared);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "undeclared" && key !== "marker")
      .map(([key, member]) => [key, withoutUndeclared(member as Json)]),
  );
}

class Maker {
  readonly leaves: Leaf[] = [];
  readonly #choose: () => number;
  readonly #first: number;

  constructor(choose: () => number, first = 1_000_003) {
    this.#choose = choose;
    this.#first = first;
  }

  make(
    schema: AnnotatedSchema,
    inherited: string | null,
    records: readonly string[],
    nullable = true,
  ): Json {
    const types = typeof schema.type === "string" ? [schema.type] : schema.type;
    const own = schema.dataClass ?? inherited;
    const type = types[this.#below(types.length)] as SchemaType;
    if (type === "null" && nullable) return null;
    if (types.includes("object")) return this.#object(schema, own, records);
    if (types.includes("array")) {
      const length = (schema.minItems ?? 0) + this.#below(3);
      return Array.from({ length }, () => this.make(schema.items as AnnotatedSchema, own, records));
    }
    return this.#leaf(type === "string" || type === "null" ? "string" : "number", own, records);
  }

  #object(schema: AnnotatedSchema, own: string | null, around: readonly string[]): Json {
    const marker = schema.additionalProperties
      ? undefined
      : [undefined, ...CLASSES][this.#below(CLASSES.length + 1)];
    const records = [
      ...around,
      ...(schema.records ?? [])
        .filter(({ dataClass: of, when }) => when === undefined || of === marker)
        .map(({ dataClass: of }) => of),
    ];
    const value: Record<string, Json> = {};
    for (const [key, member] of Object.entries(schema.properties ?? {})) {
      const required = schema.required?.includes(key) === true;
      if (required || this.#below(3) > 0) value[key] = this.make(member, own, records);
    }
    const extra = schema.additionalProperties;
    if (extra) {
      for (let left = this.#below(3); left > 0; left--) {
        value[`key-${left}/~`] = this.make(extra, own, records);
      }
    } else {
      if (this.#below(3) === 0) value["undeclared"] = this.#leaf("string", null, records);
      if (marker !== undefined) value["marker"] = marker;
    }
    return value;
  }

  #leaf(type: "string" | "number", own: string | null, records: readonly string[]): Json {
    const number = this.#first + this.leaves.length;
    const canary = type === "string" ? `canary-${number}-é\u2028` : number;
    this.leaves.push({ canary, dataClass: own, records });
    return canary;
  }

  #below(limit: number): number {
    return this.#choose() % limit;
  }
}

function compact<T extends object>(value: T): AnnotatedSchema {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as unknown as AnnotatedSchema;
}
