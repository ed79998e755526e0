import type { Action } from "../../core/model/policy.ts";
import { MAX_WRITE_ROWS } from "./limits.ts";
import { find, type Located } from "./located.ts";
import type {
  AnnotatedSchema,
  RelationDescription,
  WritableDescription,
  WriteTemplate,
} from "./model.ts";
import { RELATION_ID } from "./names.ts";
import {
  dictionary,
  expectKnown,
  fields,
  flag,
  integer,
  list,
  optional,
  required,
  text,
  type Place,
} from "./read.ts";
import {
  checkArguments,
  classesOf,
  relationsOf,
  SET_OF_NAMES,
  unfit,
} from "./template-statement.ts";
import type { Derived, ReadTemplate, TemplateContext } from "./template.ts";

const columns = list(text(64));
const readWritable = fields({
  key: required(list(text(64), 1)),
  insert: optional(columns),
  update: optional(columns),
  delete: optional(flag),
  volatile: optional(columns),
  also: optional(list(text(128))),
});
const read = fields({
  statement: required(text(64)),
  params: optional(text(64)),
  relations: required(dictionary(RELATION_ID, readWritable)),
  maxRows: required(integer(1, MAX_WRITE_ROWS)),
});
type Values = NonNullable<ReturnType<typeof readWritable>>;

/** `columns`: read by a condition or a value. `verb`: insert, update or delete. */
const POLICY_ARGUMENTS: Derived["policyArguments"] = [
  ...["relations", "columns", "written"].map((name) => ({ name, type: SET_OF_NAMES })),
  { name: "verb", type: { type: "String" } },
];

export function readWriteTemplate(
  node: Located,
  { action, args, destination }: TemplateContext,
  place: Place,
): ReadTemplate<WriteTemplate> | undefined {
  const values = read(node, place);
  if (values === undefined) return undefined;
  checkAction(node, action, place);
  checkArguments(node, args, POLICY_ARGUMENTS, "write_unfit", place);
  const members = find(node, "relations")?.members ?? new Map<string, never>();
  const named = [...members].map(([name, { keyOffset }]) => ({ name, offset: keyOffset }));
  if (named.length === 0) {
    const at = find(node, "relations")?.offset ?? node.offset;
    unfit(place, "write_unfit", at, "it may write nothing", "name a relation");
  }
  const relations = relationsOf(named, destination, place).flatMap((relation) => {
    const id = `${relation.schema}.${relation.name}`;
    const at = find(node, "relations", id);
    const what = values.relations?.get(id);
    return at === undefined || what === undefined ? [] : writableOf(relation, what, at, place);
  });
  const { statement, params, maxRows } = values;
  if (statement === undefined || maxRows === undefined) return undefined;
  const template: WriteTemplate = {
    ...{ kind: "write", statement, relations, maxRows },
    params: params ?? null,
    preview: {
      schema: schemaOf(relations),
      ignore: [...new Set(relations.flatMap((one) => one.volatile))].sort(),
    },
  };
  const classes = classesOf(relations);
  const derived = { policyArguments: POLICY_ARGUMENTS, dataClasses: classes };
  return { template, preview: classes, derived };
}

function checkAction(node: Located, action: Action | undefined, place: Place): void {
  if (action === undefined || action === "mutate") return;
  const message = `a write changes rows that a preview shows, but the action is "${action}"`;
  unfit(place, "write_unfit", node.offset, message, 'make the action "mutate", or use "query"');
}

function writableOf(
  relation: RelationDescription,
  values: Values,
  node: Located,
  place: Place,
): readonly WritableDescription[] {
  const { key = [], insert = [], update = [], volatile = [], also = [] } = values;
  const wrong = (at: number, message: string, fix: string): void =>
    unfit(place, "write_unfit", at, message, fix);
  const id = `${relation.schema}.${relation.name}`;
  const known = relation.columns.map(({ name }) => name);
  for (const member of ["key", "insert", "update", "volatile"]) {
    for (const item of find(node, member)?.items ?? []) {
      if (item.type !== "string") continue;
      const [name, where] = [item.value as string, `columns of "${id}" in bundle.jsonc`];
      expectKnown(name, known, item.offset, "unknown_column", "column", where, place);
    }
  }
  for (const item of find(node, "update")?.items ?? []) {
    if (!key.includes(String(item.value))) continue;
    const fix = "remove it here, or name another key";
    wrong(item.offset, `"${String(item.value)}" is of the key, and a key is never changed`, fix);
  }
  for (const item of find(node, "key")?.items ?? []) {
    const column = relation.columns.find(({ name }) => name === item.value);
    if (column === undefined || column.dataClass === relation.dataClass) continue;
    // Whoever may see that a row changes is told which.
    const message = `"${column.name}" is of the class "${column.dataClass}", its rows of "${relation.dataClass}"`;
    wrong(item.offset, message, "name a key of the class of the relation");
  }
  for (const item of find(node, "also")?.items ?? []) {
    if (item.type !== "string" || RELATION_ID.test(item.value as string)) continue;
    wrong(item.offset, `"${item.value as string}" is no relation`, "write it as schema.name");
  }
  if (insert.length === 0 && update.length === 0 && values.delete !== true) {
    wrong(node.offset, `nothing of "${id}" may be written`, 'add "insert", "update" or "delete"');
  }
  return [{ ...relation, key, insert, update, delete: values.delete === true, volatile, also }];
}

/** Values are texts there, as PostgreSQL writes them: nothing is rounded on the way. */
function schemaOf(relations: readonly WritableDescription[]): AnnotatedSchema {
  const closed = { type: "object", additionalProperties: false } as const;
  return {
    ...closed,
    properties: Object.fromEntries(
      relations.map(({ schema, name, dataClass, columns: all }) => [
        `${schema}.${name}`,
        {
          type: "object",
          // Which rows there are is of the class of the relation, whatever changes in them.
          records: [{ dataClass }],
          additionalProperties: {
            ...closed,
            properties: Object.fromEntries(
              all.map((column) => [
                column.name,
                { type: ["string", "null"], dataClass: column.dataClass },
              ]),
            ),
          },
        } as const,
      ]),
    ),
  };
}
