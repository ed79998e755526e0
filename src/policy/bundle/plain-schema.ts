import { find, type Located } from "./located.ts";
import { checkRequired, INPUT_VALUE_KEYWORDS, checkTypes, unknownKeyword } from "./keywords.ts";
import { expectType, type Place } from "./read.ts";

/** Keywords whose value is a schema, a list of schemas, or an object of schemas. */
const ONE = [
  "items",
  "additionalProperties",
  "not",
  "if",
  "then",
  "else",
  "contains",
  "propertyNames",
];
const MANY = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED = ["properties", "$defs", "dependentSchemas"];
const ANNOTATIONS = ["dataClass", "records"];
const KNOWN = [
  "type",
  "required",
  "$ref",
  ...ONE,
  ...MANY,
  ...NAMED,
  ...Object.keys(INPUT_VALUE_KEYWORDS),
];

/** MCP 2026-07-28: names a header that mirrors an argument (P10). */
const MIRRORED = "x-mcp-header";

/**
 * JSON Schema 2020-12 as arguments and record conditions use it. A keyword nobody checks is worse
 * than none, so unknown ones are refused; `x-…` are annotations for clients.
 */
export function checkPlainSchema(node: Located, root: Located, place: Place): void {
  if (node.type === "boolean") return;
  if (!expectType(node, "object", place)) return;
  for (const [key, { node: value, keyOffset }] of node.members) {
    if (key === MIRRORED) {
      place.report.add(
        place.file,
        keyOffset,
        "schema_keyword",
        `"${key}" makes clients copy an argument into an HTTP header, where proxies log it`,
        `remove "${key}"`,
      );
      continue;
    }
    if (key.startsWith("x-")) continue;
    if (ANNOTATIONS.includes(key)) {
      place.report.add(
        place.file,
        keyOffset,
        "annotation_misplaced",
        `"${key}" says something about results; here it has no effect`,
        `remove "${key}"`,
      );
    } else if (ONE.includes(key)) checkPlainSchema(value, root, place);
    else if (MANY.includes(key)) {
      if (expectType(value, "array", place)) {
        for (const item of value.items) checkPlainSchema(item, root, place);
      }
    } else if (NAMED.includes(key)) {
      if (expectType(value, "object", place)) {
        for (const member of value.members.values()) checkPlainSchema(member.node, root, place);
      }
    } else if (key === "type") checkTypes(value, place);
    else if (key === "required") checkRequiredHere(node, value, place);
    else if (key === "$ref") checkReference(value, root, place);
    else if (Object.hasOwn(INPUT_VALUE_KEYWORDS, key)) INPUT_VALUE_KEYWORDS[key]?.(value, place);
    else unknownKeyword(key, KNOWN, keyOffset, place);
  }
}

/** Inside `anyOf`, `if` and the like `required` may name properties declared outside. */
function checkRequiredHere(node: Located, value: Located, place: Place): void {
  const properties = find(node, "properties");
  if (properties !== undefined && find(node, "type") !== undefined) {
    checkRequired(value, [...properties.members.keys()], place);
    return;
  }
  if (!expectType(value, "array", place)) return;
  for (const item of value.items) expectType(item, "string", place);
}

/** Only within the schema itself: a reference to the outside would be fetched, by somebody. */
function checkReference(value: Located, root: Located, place: Place): void {
  if (!expectType(value, "string", place)) return;
  const target = value.value as string;
  const name = /^#\/\$defs\/([^/~%]+)$/.exec(target)?.[1];
  if (name !== undefined && find(root, "$defs", name) !== undefined) return;
  place.report.add(
    place.file,
    value.offset,
    "schema_reference",
    `"${target}" refers to nothing in this schema`,
    'refer to "#/$defs/<name>" and define <name> at the top of this schema',
  );
}
