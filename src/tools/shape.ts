import { isObject, type Json, type JsonObject, MAX_JSON_DEPTH } from "../core/model/json.ts";
import type { ShapedArguments } from "../gateway/ports.ts";
import { compileCoercion } from "./coerce.ts";
import { expectations } from "./expected.ts";
import { CompiledSchema, type SchemaFault } from "./json-schema.ts";
import {
  MAX_ARGUMENT_BYTES,
  MAX_EXPLAINED_BYTES,
  MAX_FAULT_CHARS,
  MAX_FAULTS,
  MAX_PATTERN_CHARS,
} from "./limits.ts";
import { pointer, put } from "./pointer.ts";
import type { Renderer } from "./renderer.ts";

export type Shaper = (args: Json) => ShapedArguments;

/**
 * The check of arguments before anything is decided. Nothing is normalised, and nothing coerced but what
 * has one form as text: what policy judged is, byte for byte, what the tool gets. Faults are places and
 * what belongs there, never values.
 */
export function compileShaper(
  input: JsonObject,
  policyArguments: readonly string[],
  misplaced: Renderer["misplaced"],
): Shaper {
  const schema = closed(input);
  const compiled = new CompiledSchema(schema);
  const defaults = compileDefaults(schema);
  const coerced = compileCoercion(schema);
  const required = strings(schema["required"]);
  const patterned = patternedArguments(schema);

  return (args) => {
    if (!isObject(args)) return { ok: false, at: [""] };
    const hostile = findHostile(args, [], MAX_JSON_DEPTH);
    if (hostile !== null) return refused([hostile]);
    const bytes = Buffer.byteLength(JSON.stringify(args));
    if (bytes > MAX_ARGUMENT_BYTES) return { ok: false, at: [""] };

    const complete = withDefaults(coerced(args), defaults);
    const overlong = patterned.filter((name) => holdsOverlong(complete[name]));
    if (overlong.length > 0) return refused(overlong.map((name) => pointer([name])));
    if (compiled.matches(complete) !== true) {
      const depth = bytes <= MAX_EXPLAINED_BYTES ? "all" : "first";
      const missing = required.filter((name) => !Object.hasOwn(complete, name));
      const faults = compiled.faults(complete, depth) ?? [];
      const absent = missing.map((name) => pointer([name]));
      return refused([...absent, ...deepest(faults, missing.length > 0)], {
        ...expectations(schema, faults),
        ...Object.fromEntries(absent.map((place) => [place, "required"])),
      });
    }
    const unsendable = misplaced(complete);
    if (unsendable.length > 0) return refused(unsendable);
    return { ok: true, args: complete, policyArguments: project(complete, policyArguments) };
  };
}

/** An argument nobody declared is one nobody judged. */
export function closed(input: JsonObject): JsonObject {
  return { ...input, type: "object", additionalProperties: false };
}

/**
 * Values that mean one thing to us and another to whoever reads them next: a key that becomes a
 * prototype, half a surrogate pair, a number the parser may already have rounded (somebody else's
 * customer id), or a depth that exhausts a stack. First place found, or null.
 */
function findHostile(value: Json, at: (string | number)[], left: number): string | null {
  if (typeof value === "string") return value.isWellFormed() ? null : pointer(at);
  if (typeof value === "number") {
    const rounded = Number.isInteger(value) && !Number.isSafeInteger(value);
    return rounded || !Number.isFinite(value) ? pointer(at) : null;
  }
  if (typeof value !== "object" || value === null) return null;
  if (left === 0) return pointer(at);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = findWithin(value[index] as Json, index, at, left);
      if (found !== null) return found;
    }
    return null;
  }
  for (const [key, member] of Object.entries(value)) {
    if (key === "__proto__" || !key.isWellFormed()) return pointer(at);
    const found = findWithin(member, key, at, left);
    if (found !== null) return found;
  }
  return null;
}

function findWithin(
  value: Json,
  key: string | number,
  at: (string | number)[],
  left: number,
): string | null {
  at.push(key);
  const found = findHostile(value, at, left - 1);
  at.pop();
  return found;
}

/** Arguments with a pattern anywhere in their schema, or a reference to where one may stand. */
function patternedArguments(schema: JsonObject): readonly string[] {
  const properties = schema["properties"];
  if (!isObject(properties)) return [];
  const shared = /"(?:pattern|patternProperties|\$ref|\$dynamicRef|\$recursiveRef)":/;
  const { properties: _, ...rest } = schema;
  const everywhere = shared.test(JSON.stringify(rest));
  return Object.entries(properties)
    .filter(([, member]) => everywhere || shared.test(JSON.stringify(member)))
    .map(([name]) => name);
}

function holdsOverlong(value: Json | undefined): boolean {
  if (typeof value === "string") return value.length > MAX_PATTERN_CHARS;
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsOverlong);
  return Object.entries(value).some(
    ([key, member]) => key.length > MAX_PATTERN_CHARS || holdsOverlong(member),
  );
}

interface Defaults {
  readonly key: string;
  /** Undefined: this member has no default itself, only members with one. */
  readonly value: Json | undefined;
  readonly inside: readonly Defaults[];
}

function compileDefaults(schema: JsonObject): readonly Defaults[] {
  const properties = schema["properties"];
  if (!isObject(properties)) return [];
  return Object.entries(properties).flatMap(([key, member]) => {
    if (!isObject(member)) return [];
    const inside = compileDefaults(member);
    const value = Object.hasOwn(member, "default") ? member["default"] : undefined;
    return value === undefined && inside.length === 0 ? [] : [{ key, value, inside }];
  });
}

function withDefaults(args: JsonObject, defaults: readonly Defaults[]): JsonObject {
  if (defaults.length === 0) return args;
  const complete: Record<string, Json> = { ...args };
  for (const { key, value, inside } of defaults) {
    const given = Object.hasOwn(args, key) ? args[key] : value;
    if (given === undefined) continue;
    put(complete, key, isObject(given) ? withDefaults(given, inside) : given);
  }
  return complete;
}

/** The places themselves, without the objects and arrays around them. */
function deepest(faults: readonly SchemaFault[], missingTold: boolean): readonly string[] {
  const places = new Set<string>();
  for (const { keyword, at } of faults) {
    if (!(missingTold && keyword === "required" && at === "")) places.add(at);
  }
  const around = new Set<string>();
  for (const place of places) {
    let end = place.lastIndexOf("/");
    while (end >= 0 && !around.has(place.slice(0, end))) {
      around.add(place.slice(0, end));
      end = place.lastIndexOf("/", end - 1);
      if (end === 0 && around.has("")) break;
    }
  }
  return [...places].filter((place) => !around.has(place));
}

function refused(
  places: readonly string[],
  wanted: { readonly [place: string]: string } = {},
): ShapedArguments {
  const at = [...new Set(places.map(shortened))].sort().slice(0, MAX_FAULTS);
  const told = at.flatMap((place) => {
    const text = Object.hasOwn(wanted, place) ? wanted[place] : undefined;
    return text === undefined ? [] : [[place, text] as const];
  });
  return {
    ok: false,
    at: at.length > 0 ? at : [""],
    ...(told.length > 0 && { expected: Object.fromEntries(told) }),
  };
}

function shortened(place: string): string {
  let short = place;
  while (short.length > MAX_FAULT_CHARS) short = short.slice(0, short.lastIndexOf("/"));
  return short;
}

function project(args: JsonObject, names: readonly string[]): JsonObject {
  const projected: Record<string, Json> = {};
  for (const name of names) {
    if (Object.hasOwn(args, name)) put(projected, name, args[name]);
  }
  return projected;
}

function strings(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}
