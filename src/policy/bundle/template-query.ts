import type { Json, JsonObject } from "../../core/model/json.ts";
import { hasEffect, type Action } from "../../core/model/policy.ts";
import { MIN_GROUP } from "../../sql/summary.ts";
import { typesOf } from "./keywords.ts";
import type { Arguments } from "./input.ts";
import { MAX_GROUP, MAX_ROWS } from "./limits.ts";
import { find, type Located } from "./located.ts";
import type { DestinationDescription, QueryTemplate, RelationDescription } from "./model.ts";
import {
  expectKnown,
  fields,
  integer,
  list,
  optional,
  required,
  text,
  type Place,
} from "./read.ts";
import { add, type Derived, type ReadTemplate, type TemplateContext } from "./template.ts";

const read = fields({
  statement: required(text(64)),
  params: optional(text(64)),
  relations: required(list(text(128), 1)),
  maxRows: required(integer(1, MAX_ROWS)),
  minGroup: optional(integer(MIN_GROUP, MAX_GROUP)),
});

/** What policies read of a statement, instead of its text. */
const POLICY_ARGUMENTS: Derived["policyArguments"] = ["relations", "columns"].map((name) => ({
  name,
  type: { type: "Set", element: { type: "String" } },
}));

export function readQueryTemplate(
  node: Located,
  { action, args, destination }: TemplateContext,
  place: Place,
): ReadTemplate<QueryTemplate> | undefined {
  const values = read(node, place);
  if (values === undefined) return undefined;
  checkAction(node, action, place);
  checkArguments(node, args, place);
  const relations = relationsOf(node, destination, place);
  const { statement, params, maxRows, minGroup } = values;
  if (statement === undefined || maxRows === undefined) return undefined;
  const template: QueryTemplate = {
    ...{ kind: "query", statement, relations, maxRows, preview: null },
    params: params ?? null,
    minGroup: action === "summarize" ? (minGroup ?? MAX_GROUP) : null,
  };
  const derived = { policyArguments: POLICY_ARGUMENTS, dataClasses: classesOf(relations) };
  return { template, preview: null, derived };
}

/**
 * Classes that a query would name, by what a policy test says it is about: relations and columns. A
 * name that is none of the tool's has no class, and whoever names it is denied.
 */
export function classesNamed(
  { relations }: QueryTemplate,
  { relations: ids = [], columns = [] }: JsonObject,
): readonly string[] {
  const classes = new Map<Json, string>();
  for (const { schema, name, dataClass, columns: all } of relations) {
    classes.set(`${schema}.${name}`, dataClass);
    for (const one of all) classes.set(`${schema}.${name}.${one.name}`, one.dataClass);
  }
  const names = [ids, columns].flatMap((list) => (Array.isArray(list) ? (list as Json[]) : []));
  return [...new Set(names.map((name) => classes.get(name) ?? ""))].sort();
}

/** Which columns come back is up to the query, so no schema describes them. */
export function checkQueryOutput(isQuery: boolean, output: Located, place: Place): void {
  const kind = find(output, "kind");
  if (kind?.type !== "string" || (kind.value === "rows") === isQuery) return;
  const [message, fix] = isQuery
    ? ["a query answers rows of its own making", 'write "output": { "kind": "rows" }']
    : ['only a query answers "rows"', 'describe the output as "json" with a schema'];
  add(place, kind, "query_unfit", message, fix);
}

/** Of rows and of columns, sorted. */
function classesOf(relations: readonly RelationDescription[]): readonly string[] {
  const all = relations.flatMap(({ dataClass, columns }) => [
    dataClass,
    ...columns.map((column) => column.dataClass),
  ]);
  return [...new Set(all)].sort();
}

function checkAction(node: Located, action: Action | undefined, place: Place): void {
  if (action === undefined) return;
  if (hasEffect(action)) {
    const message = `a query changes nothing, but the action is "${action}"`;
    unfit(place, node.offset, message, 'make the action "read" or "summarize", or use "sql"');
  }
  const group = node.members.get("minGroup");
  if (action === "summarize" && group === undefined) {
    unfit(place, node.offset, "a summary of one row is that row", 'add "minGroup"');
  }
  if (action === "read" && group !== undefined) {
    const fix = 'remove "minGroup", or make the action "summarize"';
    unfit(place, group.keyOffset, "a read has no groups", fix);
  }
}

/** One argument is the statement, one may list values for it, and there is no other. */
function checkArguments(node: Located, args: Arguments | undefined, place: Place): void {
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
    if (!isText) unfit(place, statement?.offset ?? 0, "a statement is a text, always given", fix);
  }
  const values = String(params?.value);
  if (args.names.includes(values) && typesOf(args.schema(values)).join() !== "array") {
    unfit(place, params?.offset ?? 0, "values of $1, $2, … are a list", 'declare it as "array"');
  }
  for (const { name: taken } of POLICY_ARGUMENTS) {
    if (!args.names.includes(taken)) continue;
    const at = find(args.node, "properties")?.members.get(taken)?.keyOffset ?? node.offset;
    const message = `policies read "${taken}" of the statement, so no argument may be called so`;
    unfit(place, at, message, "choose another name");
  }
  for (const other of args.names.filter((one) => one !== name && one !== values)) {
    const at = find(args.node, "properties")?.members.get(other)?.keyOffset ?? node.offset;
    const message = `the argument "${other}" is sent nowhere`;
    place.report.add(place.file, at, "argument_unused", message, "remove it");
  }
}

function relationsOf(
  node: Located,
  destination: DestinationDescription | undefined,
  place: Place,
): readonly RelationDescription[] {
  if (destination === undefined) return [];
  const known = new Map(
    (destination.relations ?? []).map((one) => [`${one.schema}.${one.name}`, one]),
  );
  return (find(node, "relations")?.items ?? []).flatMap((item) => {
    if (item.type !== "string") return [];
    const id = item.value as string;
    const where = `relations of the destination "${destination.id}"`;
    const names = [...known.keys()];
    expectKnown(id, names, item.offset, "unknown_relation", "relation", where, place);
    return known.get(id) ?? [];
  });
}

function unfit(place: Place, offset: number, message: string, fix: string): void {
  place.report.add(place.file, offset, "query_unfit", message, fix);
}
