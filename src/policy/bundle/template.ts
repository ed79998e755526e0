import { hasEffect, type Action } from "../../core/model/policy.ts";
import type { Arguments } from "./input.ts";
import { typesOf } from "./keywords.ts";
import { MAX_IDEMPOTENCY_MINUTES, MAX_ROWS, MIN_IDEMPOTENCY_MINUTES } from "./limits.ts";
import { find, type Located } from "./located.ts";
import {
  type AnnotatedSchema,
  HTTP_METHODS,
  type HttpPreview,
  type HttpTemplate,
  type SqlPreview,
  type SqlTemplate,
} from "./model.ts";
import { readBody, readSlots, type Slots } from "./http-slots.ts";
import { readSchema } from "./output.ts";
import {
  expectKnown,
  fields,
  flag,
  integer,
  items,
  list,
  missing,
  oneOf,
  optional,
  pointer,
  raw,
  required,
  text,
  type Place,
} from "./read.ts";
import { readSql } from "./sql-text.ts";
import { likely } from "./typo.ts";

const MAX_STATEMENT_CHARS = 20_000;

const readHttp = fields({
  method: required(oneOf(HTTP_METHODS)),
  path: required(text(1_000)),
  query: optional(items(raw)),
  headers: optional(items(raw)),
  cookies: optional(items(raw)),
  body: optional(raw),
  // One name for all: the connector's own allow-list decides whether it goes out.
  idempotencyHeader: optional(oneOf(["Idempotency-Key"])),
  idempotencyMinutes: optional(integer(MIN_IDEMPOTENCY_MINUTES, MAX_IDEMPOTENCY_MINUTES)),
  preview: optional(raw),
});

const readHttpPreviewFields = fields({
  path: required(text(1_000)),
  apply: required(oneOf(["merge", "replace", "delete"] as const)),
  ignore: optional(list(pointer)),
  // Stated, never assumed: without entity tags a gap between preview and effect stays open.
  etag: required(flag),
  schema: required(raw),
});

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

/** A template, and the data classes that its preview may show; null: it has none. */
export interface ReadTemplate<T> {
  readonly template: T;
  readonly preview: readonly string[] | null;
}

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
  dataClasses: readonly string[],
  place: Place,
): ReadTemplate<HttpTemplate> | undefined {
  const values = readHttp(node, place);
  if (values === undefined) return undefined;
  const { method, path, idempotencyHeader, idempotencyMinutes } = values;
  // Sent again without the key it would be done again.
  if (idempotencyMinutes !== undefined && !node.members.has("idempotencyHeader")) {
    missing(node, "idempotencyHeader", place);
  }
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
  const [query, headers, cookies] = (["query", "headers", "cookies"] as const).map((kind) =>
    readSlots(find(node, kind), kind, args, place),
  ) as [Slots, Slots, Slots];
  const body = readBody(values.body, args, place);
  const uses = [query, headers, cookies, body].flatMap((slots) => slots?.uses ?? []);
  checkUses([...pathUses(find(node, "path"), args, place), ...uses], args, node, place);
  const preview = readHttpPreview(values.preview, action, args, dataClasses, place);
  if (method === undefined || path === undefined || preview === undefined) return undefined;
  return {
    template: {
      kind: "http",
      ...{ method, path, query: query.slots, headers: headers.slots, cookies: cookies.slots },
      body: body === null ? null : "whole" in body ? { argument: body.whole } : body.slots,
      idempotencyHeader: idempotencyHeader ?? null,
      idempotencyMinutes: idempotencyMinutes ?? null,
      preview: preview?.preview ?? null,
    },
    preview: preview?.classes ?? null,
  };
}

interface Previewed<T> {
  readonly preview: T;
  readonly classes: readonly string[];
}

/** Null: the tool has none. Undefined: it has one with a mistake. */
function readHttpPreview(
  node: Located | undefined,
  action: Action | undefined,
  args: Arguments | undefined,
  dataClasses: readonly string[],
  place: Place,
): Previewed<HttpPreview> | null | undefined {
  if (node === undefined) return null;
  expectChange(node, action, place);
  const values = readHttpPreviewFields(node, place);
  if (values === undefined) return undefined;
  const { path, apply, ignore, etag, schema } = values;
  const uses = pathUses(find(node, "path"), args, place);
  expectDeclared(uses, args, place);
  const classes = schema && readSchema(schema, dataClasses, place);
  if (path === undefined || apply === undefined || etag === undefined) return undefined;
  if (schema === undefined || classes === undefined) return undefined;
  const annotated = schema.value as unknown as AnnotatedSchema;
  return { preview: { path, apply, ignore: ignore ?? [], etag, schema: annotated }, classes };
}

function readSqlPreview(
  node: Located | undefined,
  action: Action | undefined,
  args: Arguments | undefined,
  dataClasses: readonly string[],
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

/** An effect that nothing can show beforehand is `execute`, a read has none. */
function expectChange(node: Located, action: Action | undefined, place: Place): void {
  if (action === undefined || action === "mutate") return;
  add(
    place,
    node,
    "preview_without_change",
    `the action "${action}" changes nothing that a preview could show`,
    'remove "preview", or make the action "mutate"',
  );
}

/** A preview reads what the call is about: each argument may stand here as well as in the call. */
function expectDeclared(uses: readonly Use[], args: Arguments | undefined, place: Place): void {
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

export function readSqlTemplate(
  node: Located,
  action: Action | undefined,
  args: Arguments | undefined,
  dataClasses: readonly string[],
  place: Place,
): ReadTemplate<SqlTemplate> | undefined {
  const values = readSqlFields(node, place);
  if (values === undefined) return undefined;
  const { statement, params, maxRows } = values;
  checkUses(usesOf(find(node, "params")), args, node, place);
  if (statement !== undefined) checkStatement(statement, node, place);
  if (statement === undefined || params === undefined || maxRows === undefined) return undefined;
  const mode = action !== undefined && hasEffect(action) ? "write" : "read";
  const read = readSqlPreview(values.preview, action, args, dataClasses, place);
  if (read === undefined) return undefined;
  const preview = read?.preview ?? null;
  return {
    template: { kind: "sql", statement, params, maxRows, mode, preview },
    preview: read?.classes ?? null,
  };
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
