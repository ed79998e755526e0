import { hasEffect, type Action } from "../../core/model/policy.ts";
import type { Arguments } from "./input.ts";
import { typesOf } from "./keywords.ts";
import { MAX_ROWS } from "./limits.ts";
import { find, type Located } from "./located.ts";
import { HTTP_METHODS, type HttpTemplate, type SqlTemplate } from "./model.ts";
import { fields, integer, items, oneOf, optional, required, text, type Place } from "./read.ts";
import { readSql } from "./sql-text.ts";
import { likely } from "./typo.ts";

const MAX_STATEMENT_CHARS = 20_000;

const readHttp = fields({
  method: required(oneOf(HTTP_METHODS)),
  path: required(text(1_000)),
  query: optional(items(text(64))),
  body: optional(items(text(64))),
});

const readSqlFields = fields({
  statement: required(text(MAX_STATEMENT_CHARS)),
  params: required(items(text(64))),
  maxRows: required(integer(1, MAX_ROWS)),
});

/** Where an argument goes, for the check that each goes to exactly one place. */
interface Use {
  readonly name: string;
  readonly node: Located;
}

/** Methods that change nothing, or may stand for a search. */
const READ_METHODS: readonly string[] = ["GET", "POST"];
const PLACEHOLDER = /^\{([^{}]*)\}$/;
/** RFC 3986 pchar without `%`: an encoded slash or dot means different things to different servers. */
const SEGMENT = /^[A-Za-z0-9._~!$&'()*+,;=:@-]+$/;

export function readHttpTemplate(
  node: Located,
  action: Action | undefined,
  args: Arguments | undefined,
  place: Place,
): HttpTemplate | undefined {
  const values = readHttp(node, place);
  if (values === undefined) return undefined;
  const { method, path, query, body } = values;
  if (method !== undefined && action !== undefined) {
    if (!hasEffect(action) && !READ_METHODS.includes(method)) {
      add(
        place,
        find(node, "method"),
        "read_with_effect",
        `${method} changes something, but the action is "${action}"`,
        'use "mutate" or "execute", or another method',
      );
    }
    if (hasEffect(action) && method === "GET") {
      add(
        place,
        find(node, "method"),
        "effect_with_read_method",
        // A connector that loses the answer of a GET reports that nothing happened (RFC 9110 §9.2.1).
        `the action is "${action}", but ${method} says that nothing changes`,
        'use "read" or "summarize", or another method',
      );
    }
  }
  if (method === "GET" && node.members.has("body")) {
    add(
      place,
      find(node, "body"),
      "body_not_allowed",
      "a GET has no body",
      'use "query", or another method',
    );
  }
  const uses = [
    ...pathUses(find(node, "path"), args, place),
    ...usesOf(find(node, "query")),
    ...usesOf(find(node, "body")),
  ];
  checkUses(uses, args, node, place);
  for (const use of usesOf(find(node, "query"))) expectScalar(use, args, place);
  if (method === undefined || path === undefined) return undefined;
  return { kind: "http", method, path, query: query ?? [], body: body ?? null };
}

export function readSqlTemplate(
  node: Located,
  action: Action | undefined,
  args: Arguments | undefined,
  place: Place,
): SqlTemplate | undefined {
  const values = readSqlFields(node, place);
  if (values === undefined) return undefined;
  const { statement, params, maxRows } = values;
  checkUses(usesOf(find(node, "params")), args, node, place);
  if (statement !== undefined) checkStatement(statement, node, place);
  if (statement === undefined || params === undefined || maxRows === undefined) return undefined;
  const mode = action !== undefined && hasEffect(action) ? "write" : "read";
  return { kind: "sql", statement, params, maxRows, mode };
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

function usesOf(node: Located | undefined): readonly Use[] {
  return (node?.items ?? []).flatMap((item) =>
    item.type === "string" ? [{ name: item.value as string, node: item }] : [],
  );
}

function pathUses(
  node: Located | undefined,
  args: Arguments | undefined,
  place: Place,
): readonly Use[] {
  if (node?.type !== "string") return [];
  const path = node.value as string;
  if (!path.startsWith("/")) {
    add(place, node, "path_syntax", "a path begins with /", `write "/${path}"`);
    return [];
  }
  if (path === "/") return [];
  const uses: Use[] = [];
  for (const segment of path.slice(1).split("/")) {
    const name = PLACEHOLDER.exec(segment)?.[1];
    if (name !== undefined) {
      const use = { name, node };
      uses.push(use);
      if (args?.names.includes(name) === true && !args.required.includes(name)) {
        add(
          place,
          node,
          "argument_optional",
          `the path needs "${name}", but the argument is optional`,
          `add "${name}" to "required" of the input schema`,
        );
      }
      expectScalar(use, args, place);
    } else if (!SEGMENT.test(segment) || segment === "." || segment === "..") {
      add(
        place,
        node,
        "path_syntax",
        `"${segment}" is not a valid path segment`,
        "a segment is plain text without % ? #, or exactly one {argument}; no empty, . or .. segments",
      );
    }
  }
  return uses;
}

/** Every argument goes to exactly one place: a second copy could differ in how it is read. */
function checkUses(
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

function expectScalar(use: Use, args: Arguments | undefined, place: Place): void {
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

function add(
  place: Place,
  node: Located | undefined,
  code: Parameters<Place["report"]["add"]>[2],
  message: string,
  fix: string,
): void {
  place.report.add(place.file, node?.offset ?? 0, code, message, fix);
}
