import { hasEffect } from "../../core/model/policy.ts";
import { MAX_ROWS } from "./limits.ts";
import { find, type Located } from "./located.ts";
import type { AnnotatedSchema, SqlPreview, SqlTemplate } from "./model.ts";
import { readSchema } from "./output.ts";
import { fields, integer, items, list, optional, raw, required, text, type Place } from "./read.ts";
import { readSql } from "./sql-text.ts";
import {
  add,
  expectChange,
  type Previewed,
  type ReadTemplate,
  type TemplateContext,
} from "./template.ts";
import { checkUses, expectDeclared, usesOf } from "./template-uses.ts";

const MAX_STATEMENT_CHARS = 20_000;

const readSqlPreviewFields = fields({
  statement: required(text(MAX_STATEMENT_CHARS)),
  params: required(items(text(64))),
  ignore: optional(list(text(64))),
  schema: required(raw),
});

const readSqlFields = fields({
  statement: required(text(MAX_STATEMENT_CHARS)),
  params: required(items(text(64))),
  maxRows: required(integer(1, MAX_ROWS)),
  preview: optional(raw),
});

export function readSqlTemplate(
  node: Located,
  context: TemplateContext,
  place: Place,
): ReadTemplate<SqlTemplate> | undefined {
  const values = readSqlFields(node, place);
  if (values === undefined) return undefined;
  const { action, args } = context;
  const { statement, params, maxRows } = values;
  checkUses(usesOf(find(node, "params")), args, node, place);
  if (statement !== undefined) checkStatement(statement, node, place);
  if (statement === undefined || params === undefined || maxRows === undefined) return undefined;
  const mode = action !== undefined && hasEffect(action) ? "write" : "read";
  const read = readSqlPreview(values.preview, context, place);
  if (read === undefined) return undefined;
  const preview = read?.preview ?? null;
  return {
    template: { kind: "sql", statement, params, maxRows, mode, preview },
    preview: read?.classes ?? null,
  };
}

/** Null: the tool has none. Undefined: it has one with a mistake. */
function readSqlPreview(
  node: Located | undefined,
  { action, args, dataClasses }: TemplateContext,
  place: Place,
): Previewed<SqlPreview> | null | undefined {
  if (node === undefined) return null;
  expectChange(node, action, place);
  const values = readSqlPreviewFields(node, place);
  if (values === undefined) return undefined;
  const { statement, params, ignore, schema } = values;
  expectDeclared(usesOf(find(node, "params")), args, place);
  if (statement !== undefined) checkStatement(statement, node, place);
  const classes = schema && readSchema(schema, dataClasses, place);
  if (statement === undefined || params === undefined) return undefined;
  if (schema === undefined || classes === undefined) return undefined;
  const annotated = schema.value as unknown as AnnotatedSchema;
  return { preview: { statement, params, ignore: ignore ?? [], schema: annotated }, classes };
}

function checkStatement(statement: string, node: Located, place: Place): void {
  const at = find(node, "statement");
  const sql = readSql(statement);
  if (sql.unterminated || sql.empty || sql.several) {
    const what = sql.unterminated
      ? "a string or comment of this statement does not end"
      : sql.empty
        ? "this is no statement"
        : "more than one statement";
    add(place, at, "sql_statement", what, "write exactly one complete statement");
    return;
  }
  const given = find(node, "params")?.items.length ?? 0;
  const used = sql.parameters.length;
  const highest = sql.parameters.at(-1) ?? 0;
  if (given === used && highest === used && !sql.parameters.includes(0)) return;
  const wanted =
    sql.parameters.length === 0 ? "none" : sql.parameters.map((n) => `$${n}`).join(", ");
  add(
    place,
    find(node, "params") ?? at,
    "sql_params_count",
    `the statement uses ${wanted}, but "params" names ${given}`,
    "name one argument for each of $1, $2, … in this order, and use each of them",
  );
}

/** A statement's result is `{ "rows": [ { column: value } ] }`, and the schema says which columns. */
export function checkRows(output: Located, place: Place): void {
  if (find(output, "kind")?.type !== "string") return;
  const schema = find(output, "schema");
  const rows = find(schema, "properties", "rows");
  const fits =
    find(output, "kind")?.value === "json" &&
    find(rows, "type")?.value === "array" &&
    find(rows, "items", "type")?.value === "object" &&
    find(schema, "properties")?.members.size === 1;
  if (fits) return;
  add(
    place,
    rows ?? schema ?? output,
    "sql_output",
    "a statement answers an object whose only property is the array rows of objects",
    'describe it as { "type": "object", "properties": { "rows": { "type": "array", "items": { "type": "object", … } } } }',
  );
}
