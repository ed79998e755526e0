import type { Located } from "./located.ts";
import { SCHEMA_TYPES, type SchemaType } from "./model.ts";
import { patternFault } from "./pattern.ts";
import { expectType, oneOf, type Place } from "./read.ts";
import { likely } from "./typo.ts";

type Check = (node: Located, place: Place) => void;

const text: Check = (node, place) => void expectType(node, "string", place);
const anything: Check = () => undefined;
const flag: Check = (node, place) => void expectType(node, "boolean", place);
const number: Check = (node, place) => void expectType(node, "number", place);
const values: Check = (node, place) => {
  if (expectType(node, "array", place) && node.items.length === 0) {
    place.report.add(place.file, node.offset, "too_short", "no value is allowed", "add a value");
  }
};
const count: Check = (node, place) => {
  if (!expectType(node, "number", place)) return;
  if (Number.isSafeInteger(node.value) && (node.value as number) >= 0) return;
  place.report.add(
    place.file,
    node.offset,
    "out_of_range",
    `${String(node.value)} is not a count`,
    "use a whole number from 0",
  );
};
const pattern: Check = (node, place) => {
  if (!expectType(node, "string", place)) return;
  const fault = patternFault(node.value as string);
  if (fault === null) return;
  place.report.add(
    place.file,
    node.offset,
    "schema_pattern",
    fault === "invalid"
      ? "not a valid regular expression"
      : "this pattern may take exponential time on hostile input",
    fault === "invalid"
      ? "correct it; the flag u is on"
      : "write it without a repeated group that itself repeats or alternates, and without back-references",
  );
};

/** Keywords that say something about one value, with the check of their own value. */
export const VALUE_KEYWORDS: { readonly [keyword: string]: Check } = {
  title: text,
  description: text,
  format: text,
  pattern,
  enum: values,
  const: anything,
  minimum: number,
  maximum: number,
  minLength: count,
  maxLength: count,
  minItems: count,
  maxItems: count,
};

/** What arguments may say beyond that; nothing of it has to be walked by redaction. */
export const INPUT_VALUE_KEYWORDS: { readonly [keyword: string]: Check } = {
  ...VALUE_KEYWORDS,
  $schema: text,
  $anchor: text,
  $comment: text,
  default: anything,
  examples: values,
  deprecated: flag,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  multipleOf: number,
  uniqueItems: flag,
  minProperties: count,
  maxProperties: count,
};

export function unknownKeyword(
  key: string,
  known: readonly string[],
  offset: number,
  place: Place,
): void {
  const meant = likely(key, known);
  place.report.add(
    place.file,
    offset,
    "schema_keyword",
    `the schema keyword "${key}" is not supported here`,
    meant === undefined
      ? `remove it; supported here: ${known.join(", ")}`
      : `did you mean "${meant}"?`,
    meant,
  );
}

const typeName = oneOf(SCHEMA_TYPES);

/** Reports what is no type. */
export function checkTypes(node: Located, place: Place): void {
  for (const item of node.type === "array" ? node.items : [node]) typeName(item, place);
}

/** The types a schema names, as far as they are types. */
export function typesOf(schema: Located | undefined): readonly SchemaType[] {
  const node = schema?.members.get("type")?.node;
  const named = node?.type === "array" ? node.items : node === undefined ? [] : [node];
  return named.flatMap((item) => SCHEMA_TYPES.find((type) => type === item.value) ?? []);
}

/** Each name in `required` must be a declared property. */
export function checkRequired(
  node: Located | undefined,
  properties: readonly string[],
  place: Place,
): void {
  if (node === undefined || !expectType(node, "array", place)) return;
  for (const item of node.items) {
    if (!expectType(item, "string", place)) continue;
    const name = item.value as string;
    if (properties.includes(name)) continue;
    const meant = likely(name, properties);
    place.report.add(
      place.file,
      item.offset,
      "schema_required",
      `"${name}" is required but no property of this schema`,
      meant === undefined ? `declare "${name}" in properties` : `did you mean "${meant}"?`,
      meant,
    );
  }
}
