import { find, type Located } from "./located.ts";
import { checkPlainSchema } from "./plain-schema.ts";
import { expectType, isId, missing, type Place } from "./read.ts";
import { ARGUMENT_NAME } from "./names.ts";

/** The arguments a tool takes, by name. */
export interface Arguments {
  readonly node: Located;
  readonly names: readonly string[];
  readonly required: readonly string[];
  schema(name: string): Located | undefined;
}

export function readInput(node: Located, place: Place): Arguments | undefined {
  if (!expectType(node, "object", place)) return undefined;
  checkPlainSchema(node, node, place);
  if (find(node, "type")?.value !== "object") {
    place.report.add(
      place.file,
      find(node, "type")?.offset ?? node.offset,
      "input_not_object",
      "arguments are always an object",
      'write "type": "object"',
    );
  }
  if (find(node, "additionalProperties")?.value !== false) {
    place.report.add(
      place.file,
      find(node, "additionalProperties")?.offset ?? node.offset,
      "input_open",
      "arguments nobody declared would be accepted",
      'write "additionalProperties": false',
    );
  }
  const properties = find(node, "properties");
  if (properties === undefined) missing(node, "properties", place);
  const names = [...(properties?.members.keys() ?? [])];
  for (const name of names) {
    isId(name, ARGUMENT_NAME, properties?.members.get(name)?.keyOffset ?? node.offset, place);
  }
  return {
    node,
    names,
    required: (find(node, "required")?.items ?? []).flatMap((item) =>
      names.includes(item.value as string) ? [item.value as string] : [],
    ),
    schema: (name) => find(properties, name),
  };
}
