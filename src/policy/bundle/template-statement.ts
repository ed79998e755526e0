import type { Json, JsonObject } from "../../core/model/json.ts";
import type { CedarType } from "../cedar/schema.ts";
import type { Arguments } from "./input.ts";
import { typesOf } from "./keywords.ts";
import { find, type Located } from "./located.ts";
import type { MistakeCode } from "./mistake.ts";
import type { DestinationDescription, RelationDescription } from "./model.ts";
import { expectKnown, type Place } from "./read.ts";
import { add, type Derived } from "./template.ts";

/** What policies read of a statement, instead of its text. */
export const SET_OF_NAMES: CedarType = { type: "Set", element: { type: "String" } };

/** A name of a relation, and where it stands. */
export interface NamedAt {
  readonly name: string;
  readonly offset: number;
}

export function nameAt(node: Located): readonly NamedAt[] {
  return node.type === "string" ? [{ name: node.value as string, offset: node.offset }] : [];
}

/** One argument is the statement, one may list values for it, and there is no other. */
export function checkArguments(
  node: Located,
  args: Arguments | undefined,
  derived: Derived["policyArguments"],
  code: MistakeCode,
  place: Place,
): void {
  if (args === undefined) return;
  const [statement, params] = [find(node, "statement"), find(node, "params")];
  for (const at of [statement, params]) {
    if (at?.type !== "string") continue;
    const name = at.value as string;
    const where = "the input schema";
    expectKnown(name, args.names, at.offset, "argument_unknown", "argument", where, place);
  }
  const name = String(statement?.value);
  if (args.names.includes(name)) {
    const isText = typesOf(args.schema(name)).join() === "string" && args.required.includes(name);
    const fix = `declare "${name}" as a required string`;
    if (!isText)
      unfit(place, code, statement?.offset ?? 0, "a statement is a text, always given", fix);
  }
  const values = String(params?.value);
  if (args.names.includes(values) && typesOf(args.schema(values)).join() !== "array") {
    unfit(
      place,
      code,
      params?.offset ?? 0,
      "values of $1, $2, … are a list",
      'declare it as "array"',
    );
  }
  for (const { name: taken } of derived) {
    if (!args.names.includes(taken)) continue;
    const at = find(args.node, "properties")?.members.get(taken)?.keyOffset ?? node.offset;
    const message = `policies read "${taken}" of the statement, so no argument may be called so`;
    unfit(place, code, at, message, "choose another name");
  }
  for (const other of args.names.filter((one) => one !== name && one !== values)) {
    const at = find(args.node, "properties")?.members.get(other)?.keyOffset ?? node.offset;
    const message = `the argument "${other}" is sent nowhere`;
    place.report.add(place.file, at, "argument_unused", message, "remove it");
  }
}

/** Those of the destination that are named, in this order. */
export function relationsOf(
  named: readonly NamedAt[],
  destination: DestinationDescription | undefined,
  place: Place,
): readonly RelationDescription[] {
  if (destination === undefined) return [];
  const known = new Map(
    (destination.relations ?? []).map((one) => [`${one.schema}.${one.name}`, one]),
  );
  return named.flatMap(({ name: id, offset }) => {
    const where = `relations of the destination "${destination.id}"`;
    const names = [...known.keys()];
    expectKnown(id, names, offset, "unknown_relation", "relation", where, place);
    return known.get(id) ?? [];
  });
}

/** Of rows and of columns, sorted: what may come back, or be shown. */
export function classesOf(relations: readonly RelationDescription[]): readonly string[] {
  const all = relations.flatMap(({ dataClass, columns }) => [
    dataClass,
    ...columns.map((column) => column.dataClass),
  ]);
  return [...new Set(all)].sort();
}

/**
 * Classes that a statement would name, by what a policy test says it is about: relations and columns. A
 * name that is none of the tool's has no class, and whoever names it is denied.
 */
export function classesNamed(
  { relations }: { readonly relations: readonly RelationDescription[] },
  { relations: ids = [], columns = [], written = [] }: JsonObject,
): readonly string[] {
  const classes = new Map<Json, string>();
  for (const { schema, name, dataClass, columns: all } of relations) {
    classes.set(`${schema}.${name}`, dataClass);
    for (const one of all) classes.set(`${schema}.${name}.${one.name}`, one.dataClass);
  }
  const names = [ids, columns, written].flatMap((list) =>
    Array.isArray(list) ? (list as Json[]) : [],
  );
  return [...new Set(names.map((name) => classes.get(name) ?? ""))].sort();
}

/** Which columns come back is up to the query, so no schema describes them. */
export function checkRowsOutput(isStatement: boolean, output: Located, place: Place): void {
  const kind = find(output, "kind");
  if (kind?.type !== "string" || (kind.value === "rows") === isStatement) return;
  const [message, fix] = isStatement
    ? [
        "a statement of the agent's answers rows of its own making",
        'write "output": { "kind": "rows" }',
      ]
    : ['only a query or a write answers "rows"', 'describe the output as "json" with a schema'];
  add(place, kind, "query_unfit", message, fix);
}

export function unfit(
  place: Place,
  code: MistakeCode,
  offset: number,
  message: string,
  fix: string,
): void {
  place.report.add(place.file, offset, code, message, fix);
}
