import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { type Action, hasEffect, type Tier, TIERS } from "../../core/model/policy.ts";
import { HTTP_METHODS, type HttpMethod } from "../bundle/model.ts";
import { type Argument, type Arguments, readArguments } from "./arguments.ts";
import { typesOf } from "./combine.ts";
import { isGuess } from "./form.ts";
import { actionOf, isPaging, type Sensitivity, sensitivityOf, tierOf } from "./guess.ts";
import { MAX_OPERATION_CHARS } from "./limits.ts";
import type { Notes } from "./note.ts";
import { type ClassOf, describeOutput } from "./output.ts";
import { type At, into, own, ownText, type References } from "./reference.ts";
import { type Credential, credentialsOf } from "./security.ts";
import { cleanText, snake, titleOf } from "./text.ts";

/** What the bundle says about where the tools go. */
export interface Target {
  readonly destination: string;
  readonly tier: Tier;
  /** The write domain of that destination; null: the bundle declares none of its name. */
  readonly writeDomain: string | null;
  readonly classOf: ClassOf;
}

/** One operation, as its document names it. */
export interface Found {
  readonly at: At;
  readonly method: HttpMethod;
  readonly path: string;
  readonly operationId: string;
  /** Parameters of the path and of the operation, references followed; the operation's own win. */
  readonly parameters: readonly At[];
}

export interface Imported {
  readonly id: string;
  readonly method: HttpMethod;
  readonly path: string;
  readonly levels: ReadonlySet<Sensitivity>;
  readonly credentials: readonly Credential[];
  readonly headers: readonly string[];
  /** The content of tools/<id>.jsonc. */
  readonly tool: JsonObject;
}

/** Path, method and id of everything the document describes, in its order. */
export function findOperations(
  document: At,
  references: References,
  notes: Notes,
): readonly Found[] {
  const paths = into(document, "paths");
  const prefix = basePath(document.value as JsonObject);
  return Object.keys(isObject(paths.value) ? paths.value : {}).flatMap((template) => {
    // An extension describes whatever it likes.
    if (template.startsWith("x-")) return [];
    const place = into(paths, template);
    if (!template.startsWith("/")) {
      notes.add("skipped", "path_unsupported", place.pointer, "a path begins with /");
      return [];
    }
    const item = references.resolve(place);
    if (item === null || !isObject(item.value)) return [];
    return Object.keys(item.value).flatMap((key): readonly Found[] => {
      if (!METHODS.has(key)) return [];
      const at = into(item, key);
      const method = HTTP_METHODS.find((one) => one === key.toUpperCase());
      const path = `${prefix}${template}`;
      if (method === undefined) {
        notes.add("skipped", "method_unsupported", at.pointer, `${key} is not forwarded`);
        return [];
      }
      if (!isObject(at.value)) {
        notes.add("skipped", "operation_malformed", at.pointer, "no object");
        return [];
      }
      const operationId = ownText(at.value, "operationId") ?? `${key} ${template}`;
      const parameters = parametersOf(item, at, references);
      return [{ at, method, path, operationId, parameters }];
    });
  });
}

const METHODS = new Set(["get", "put", "post", "delete", "options", "head", "patch", "trace"]);

/** Connectors know an origin without a path: what a server's URL adds to it stands in every path. */
function basePath(document: JsonObject): string {
  const servers = own(document, "servers");
  const [first] = Array.isArray(servers) ? (servers as readonly Json[]) : [];
  const url = isObject(first) ? ownText(first, "url") : undefined;
  if (url === undefined) return "";
  const plain = url.replaceAll(/\{[^{}]*\}/g, "x");
  if (!URL.canParse(plain, "http://localhost")) return "";
  const { pathname } = new URL(plain, "http://localhost");
  return pathname.replace(/\/+$/, "");
}

function parametersOf(item: At, operation: At, references: References): readonly At[] {
  const byPlace = new Map<string, At>();
  for (const owner of [item, operation]) {
    const list = into(owner, "parameters");
    for (const index of Array.isArray(list.value) ? list.value.keys() : []) {
      const at = references.resolve(into(list, index));
      if (at === null || !isObject(at.value)) continue;
      byPlace.set(`${ownText(at.value, "in")} ${ownText(at.value, "name")}`, at);
    }
  }
  return [...byPlace.values()];
}

/** Null: it cannot be a tool, and the notes say why. */
export function importOperation(
  { at, method, path, operationId, parameters }: Found,
  document: At,
  id: string,
  target: Target,
  references: References,
  notes: Notes,
): Imported | null {
  const operation = at.value as JsonObject;
  const credentials = credentialsOf(document, operation, references);
  const injected = new Set(credentials.flatMap(({ header }) => header ?? []));
  const args = readArguments(parameters, at, injected, references, notes);
  if (args === null) return null;
  const sent = templatePath(path, args);
  if (sent === null) {
    const message = "a segment is plain text, or one {parameter} that is described";
    notes.add("skipped", "path_unsupported", at.pointer, message);
    return null;
  }
  if (method === "GET" && args.body !== null) {
    notes.add("skipped", "body_media_type", at.pointer, "a GET has no body");
    return null;
  }
  const { output, levels } = describeOutput(at, references, target.classOf, notes);
  const action = actionOf(method, operationId, path);
  const names = args.list.map(({ name }) => sensitivityOf(name));
  const tier = capped(tierOf([...levels, ...names]), target.tier, at, notes);
  const effect = hasEffect(action);
  const paging = effect ? [] : args.list.map(({ name }) => name).filter(isPaging);
  const text = ownText(operation, "description") ?? ownText(operation, "summary");
  const title = cleanText(ownText(operation, "summary"), 120);
  const description = cleanText(text, MAX_OPERATION_CHARS);
  const headers = args.list.filter(({ slot }) => slot === "headers").map(({ wire }) => wire);
  const cookies = args.list.some(({ slot }) => slot === "cookies");
  return {
    ...{ id, method, path: sent, levels, credentials },
    headers: [...headers, ...(cookies ? ["cookie"] : [])],
    tool: {
      id,
      title: title === "" ? titleOf(id) : title,
      description: description === "" ? titleOf(id) : description,
      destination: target.destination,
      ...{ action, tier },
      ...(effect && target.writeDomain !== null && { writeDomain: target.writeDomain }),
      review: reviewOf(action, paging, args.list.some(isGuess)),
      ...{ cost: effect ? 1_000 : 100, timeoutMs: 10_000, maxResultBytes: 1_048_576 },
      ...(paging.length > 0 && { paging }),
      http: templateOf(method, sent, args),
      input: inputOf(args.list),
      output,
    },
  };
}

/** Everything that no document says for certain. */
function reviewOf(action: Action, paging: readonly string[], nested: boolean): readonly string[] {
  const always = ["title", "description", "action", "tier", "labels", "cost", "timeoutMs"];
  return [
    ...always,
    ...(hasEffect(action) ? ["writeDomain"] : []),
    "maxResultBytes",
    ...(paging.length > 0 ? ["paging"] : []),
    ...(nested ? ["http"] : []),
    "output",
  ];
}

function capped(guess: Tier, most: Tier, at: At, notes: Notes): Tier {
  if (TIERS.indexOf(guess) <= TIERS.indexOf(most)) return guess;
  const message = `names of its fields look ${guess}, above the tier of the destination`;
  notes.add("changed", "tier_capped", at.pointer, message);
  return most;
}

const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._~!$&'()*+,;=:@-]+$/;

/** The path with the names of arguments; null: it has segments that cannot be sent. */
function templatePath(path: string, args: Arguments): string | null {
  if (path === "/") return path;
  const names = new Map(
    args.list.filter(({ slot }) => slot === "path").map(({ wire, name }) => [wire, name]),
  );
  const segments = path
    .slice(1)
    .split("/")
    .map((segment) => {
      const wire = /^\{([^{}]+)\}$/.exec(segment)?.[1];
      if (wire === undefined) return SEGMENT.test(segment) ? segment : null;
      const name = names.get(wire);
      names.delete(wire);
      return name === undefined ? null : `{${name}}`;
    });
  // A parameter the path does not name would be sent nowhere.
  return segments.includes(null) || names.size > 0 ? null : `/${segments.join("/")}`;
}

function templateOf(method: HttpMethod, path: string, { list, body }: Arguments): JsonObject {
  const at = (slot: Argument["slot"]): readonly Argument[] =>
    list.filter((one) => one.slot === slot);
  const members = at("body").map(slotOf);
  const whole = at("body")[0]?.name;
  const query = at("query").map(slotOf);
  const named = (slot: Argument["slot"]): readonly JsonObject[] =>
    at(slot).map(({ name, wire }) => ({ argument: name, name: wire }));
  const [headers, cookies] = [named("headers"), named("cookies")];
  return {
    ...{ method, path },
    ...(query.length > 0 && { query }),
    ...(headers.length > 0 && { headers }),
    ...(cookies.length > 0 && { cookies }),
    ...((body === "members" || body === "form") && { body: members }),
    ...(body === "form" && { encoding: "form" }),
    ...(body === "whole" && whole !== undefined && { body: { argument: whole } }),
  };
}

function slotOf({ name, wire, form, schema }: Argument): Json {
  if (name === wire && form === "plain") return name;
  return {
    argument: name,
    ...(name !== wire && { name: wire }),
    ...(form === "comma" && { list: "comma" }),
    ...(form === "brackets" && { [typesOf(schema).join() === "array" ? "list" : "object"]: form }),
  };
}

function inputOf(list: readonly Argument[]): JsonObject {
  const required = list.filter((one) => one.required).map(({ name }) => name);
  return {
    type: "object",
    properties: Object.fromEntries(list.map(({ name, schema }) => [name, schema])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

/** `<destination>_<operation>`, unless the document says so already. */
export function toolIdOf(
  destination: string,
  operationId: string,
  hash: (text: string) => string,
): string {
  const prefix = snake(destination);
  const words = snake(operationId);
  const named = words === prefix || words.startsWith(`${prefix}_`) ? words : `${prefix}_${words}`;
  const id = /^[a-z]/.test(named) ? named : `t_${named}`;
  // Two long names must not become one.
  return id.length <= 64 ? id : `${id.slice(0, 55)}_${hash(operationId).slice(0, 8)}`;
}
