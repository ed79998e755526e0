import { hasEffect } from "../../core/model/policy.ts";
import { readBody, readSlots, type Slots } from "./http-slots.ts";
import type { Arguments } from "./input.ts";
import { MAX_IDEMPOTENCY_MINUTES, MIN_IDEMPOTENCY_MINUTES } from "./limits.ts";
import { find, type Located } from "./located.ts";
import {
  type AnnotatedSchema,
  HTTP_METHODS,
  type HttpPreview,
  type HttpTemplate,
} from "./model.ts";
import { readSchema } from "./output.ts";
import {
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
import {
  add,
  expectChange,
  type Previewed,
  type ReadTemplate,
  type TemplateContext,
} from "./template.ts";
import { checkUses, expectDeclared, expectScalar, type Use } from "./template-uses.ts";

const readHttp = fields({
  method: required(oneOf(HTTP_METHODS)),
  path: required(text(1_000)),
  query: optional(items(raw)),
  headers: optional(items(raw)),
  cookies: optional(items(raw)),
  body: optional(raw),
  encoding: optional(oneOf(["form"])),
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

/** Methods that change nothing, or may stand for a search. */
const READ_METHODS: readonly string[] = ["GET", "POST"];
const PLACEHOLDER = /^\{([^{}]*)\}$/;
/** RFC 3986 pchar without `%`: an encoded slash or dot means different things to different servers. */
const SEGMENT = /^[A-Za-z0-9._~!$&'()*+,;=:@-]+$/;

export function readHttpTemplate(
  node: Located,
  context: TemplateContext,
  place: Place,
): ReadTemplate<HttpTemplate> | undefined {
  const values = readHttp(node, place);
  if (values === undefined) return undefined;
  const { action, args } = context;
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
  const encoding = values.encoding ?? "json";
  const body = readBody(values.body, encoding, args, place);
  checkForm(node, encoding, place);
  const uses = [query, headers, cookies, body].flatMap((slots) => slots?.uses ?? []);
  checkUses([...pathUses(find(node, "path"), args, place), ...uses], args, node, place);
  const preview = readHttpPreview(values.preview, context, place);
  if (method === undefined || path === undefined || preview === undefined) return undefined;
  return {
    template: {
      kind: "http",
      ...{ method, path, query: query.slots, headers: headers.slots, cookies: cookies.slots },
      body: body === null ? null : "whole" in body ? { argument: body.whole } : body.slots,
      encoding,
      idempotencyHeader: idempotencyHeader ?? null,
      idempotencyMinutes: idempotencyMinutes ?? null,
      preview: preview?.preview ?? null,
    },
    preview: preview?.classes ?? null,
  };
}

/** A form says what the service makes of it in no standard: only what it deletes can be worked out. */
function checkForm(node: Located, encoding: "json" | "form", place: Place): void {
  if (encoding === "json") return;
  if (!node.members.has("body")) missing(node, "body", place);
  const apply = find(node, "preview", "apply");
  if (apply === undefined || apply.value === "delete") return;
  add(
    place,
    apply,
    "wrong_value",
    "nobody can say what a form makes of a resource",
    'use "delete", or a body of JSON, or no preview',
  );
}

/** Null: the tool has none. Undefined: it has one with a mistake. */
function readHttpPreview(
  node: Located | undefined,
  { action, args, dataClasses }: TemplateContext,
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
