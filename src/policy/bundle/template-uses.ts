import type { Arguments } from "./input.ts";
import { typesOf } from "./keywords.ts";
import { find, type Located } from "./located.ts";
import { expectKnown, type Place } from "./read.ts";
import { add } from "./template.ts";
import { likely } from "./typo.ts";

/** Where an argument goes, for the check that each goes to exactly one place. */
export interface Use {
  readonly name: string;
  readonly node: Located;
}

export function usesOf(node: Located | undefined): readonly Use[] {
  return (node?.items ?? []).flatMap((item) =>
    item.type === "string" ? [{ name: item.value as string, node: item }] : [],
  );
}

/** A preview reads what the call is about: each argument may stand here as well as in the call. */
export function expectDeclared(
  uses: readonly Use[],
  args: Arguments | undefined,
  place: Place,
): void {
  if (args === undefined) return;
  for (const { name, node } of uses) {
    expectKnown(
      name,
      args.names,
      node.offset,
      "argument_unknown",
      "argument",
      "the input schema",
      place,
    );
  }
}

/** Every argument goes to exactly one place: a second copy could differ in how it is read. */
export function checkUses(
  uses: readonly Use[],
  args: Arguments | undefined,
  template: Located,
  place: Place,
): void {
  if (args === undefined) return;
  const seen = new Set<string>();
  for (const { name, node } of uses) {
    if (!args.names.includes(name)) {
      const meant = likely(name, args.names);
      place.report.add(
        place.file,
        node.offset,
        "argument_unknown",
        `"${name}" is no argument of this tool`,
        meant === undefined ? `declare "${name}" in the input schema` : `did you mean "${meant}"?`,
        meant,
      );
    } else if (seen.has(name)) {
      add(
        place,
        node,
        "argument_twice",
        `the argument "${name}" is used twice`,
        "send each argument in one place only",
      );
    }
    seen.add(name);
  }
  for (const name of args.names) {
    if (seen.has(name)) continue;
    const at = find(args.node, "properties")?.members.get(name);
    place.report.add(
      place.file,
      at?.keyOffset ?? template.offset,
      "argument_unused",
      `the argument "${name}" is sent nowhere`,
      "use it in the path, query, body or params, or remove it",
    );
  }
}

const SCALARS: readonly string[] = ["string", "number", "integer", "boolean"];

export function expectScalar(use: Use, args: Arguments | undefined, place: Place): void {
  if (args?.names.includes(use.name) !== true) return;
  const types = typesOf(args.schema(use.name));
  if (types.length > 0 && types.every((type) => SCALARS.includes(type))) return;
  add(
    place,
    use.node,
    "argument_type",
    `"${use.name}" stands in a URL, but is not declared as string, number, integer or boolean`,
    `give "${use.name}" one of these types, or send it in the body`,
  );
}
