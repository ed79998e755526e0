import { MAX_COLUMNS, MAX_RELATIONS } from "./limits.ts";
import { find, type Located } from "./located.ts";
import type { RelationDescription } from "./model.ts";
import { COLUMN_NAME, RELATION_ID } from "./names.ts";
import {
  dictionary,
  expectKnown,
  fields,
  optional,
  required,
  text,
  type Place,
  type Read,
} from "./read.ts";

const readAll = dictionary(
  RELATION_ID,
  fields({
    dataClass: required(text(64)),
    columns: required(
      dictionary(COLUMN_NAME, fields({ type: required(text(64)), dataClass: optional(text(64)) })),
    ),
  }),
);

/** The catalogue of a database: what a query may be about. Nothing is read from the database itself. */
export const relations: Read<readonly RelationDescription[]> = (node, place) => {
  checkSize(node, MAX_RELATIONS, "relations", place);
  const found: RelationDescription[] = [];
  for (const [id, values] of readAll(node, place) ?? []) {
    const [schema = "", name = ""] = id.split(".");
    const columns = find(node, id, "columns");
    checkSize(columns, MAX_COLUMNS, "columns", place);
    // A column that is not there, called like the relation, would mean the whole row.
    const same = columns?.members.get(name);
    if (same !== undefined) {
      place.report.add(
        place.file,
        same.keyOffset,
        "relation_column",
        `the column "${name}" is called like its relation`,
        "declare a view that calls it otherwise",
      );
    }
    const { dataClass } = values ?? {};
    if (dataClass === undefined || values?.columns === undefined) continue;
    found.push({
      ...{ schema, name, dataClass },
      columns: [...values.columns].map(([column, one]) => ({
        name: column,
        type: one?.type ?? "",
        dataClass: one?.dataClass ?? dataClass,
      })),
    });
  }
  return found;
};

/** Classes are declared in the same file, maybe further down: checked once all of it is read. */
export function checkRelations(
  destination: Located,
  dataClasses: readonly string[],
  place: Place,
): void {
  const node = destination.members.get("relations");
  if (node === undefined) return;
  if (find(destination, "kind")?.value === "http") {
    place.report.add(
      place.file,
      node.keyOffset,
      "relations_misplaced",
      "only a database has relations",
      'remove "relations", or make the kind "postgres"',
    );
  }
  for (const [id, { node: relation, keyOffset }] of node.node.members) {
    const own = find(relation, "dataClass");
    expectClass(own, dataClasses, place);
    const classes = [...(find(relation, "columns")?.members.values() ?? [])].map((column) =>
      find(column.node, "dataClass"),
    );
    for (const one of classes) expectClass(one, dataClasses, place);
    // Who may see the relation and none of its columns would be given rows of nothing.
    if (own?.type !== "string" || classes.some((one) => (one ?? own).value === own.value)) continue;
    place.report.add(
      place.file,
      keyOffset,
      "relation_column",
      `no column of "${id}" has the relation's own class`,
      `give one column the class "${String(own.value)}", or the relation that of a column`,
    );
  }
}

function expectClass(node: Located | undefined, known: readonly string[], place: Place): void {
  if (node?.type !== "string") return;
  const name = node.value as string;
  const where = "dataClasses of bundle.jsonc";
  expectKnown(name, known, node.offset, "unknown_data_class", "data class", where, place);
}

function checkSize(node: Located | undefined, most: number, what: string, place: Place): void {
  if (node === undefined || node.members.size <= most) return;
  const message = `more than ${most} ${what}`;
  place.report.add(place.file, node.offset, "out_of_range", message, "declare what is asked for");
}
