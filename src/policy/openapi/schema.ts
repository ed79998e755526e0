import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { SCHEMA_TYPES } from "../bundle/model.ts";
import { patternFault } from "../bundle/pattern.ts";
import { allOf, anyOf, type Plain, typesOf, withTypes } from "./combine.ts";
import { MAX_OPTIONS, MAX_PARAMETER_CHARS, MAX_SCHEMA_DEPTH, MAX_SCHEMAS } from "./limits.ts";
import type { Notes } from "./note.ts";
import { type At, into, own, type References } from "./reference.ts";
import { cleanText } from "./text.ts";

/** Text that may name a member: no controls, no directions, nothing a parser gives a meaning. */
const NAME = /^(?!__proto__$)[^\p{C}\p{Zl}\p{Zp}]{1,200}$/v;
const COUNTS = ["minLength", "maxLength", "minItems", "maxItems"];
const NUMBERS = ["minimum", "maximum"];
const INPUT_NUMBERS = ["exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const KEYWORDS_OF: { readonly [type: string]: readonly string[] } = {
  string: ["minLength", "maxLength"],
  number: [...NUMBERS, ...INPUT_NUMBERS],
  integer: [...NUMBERS, ...INPUT_NUMBERS],
  array: ["minItems", "maxItems"],
};

/** `form`: of arguments that are sent as fields, where an object says more than a text does. */
type Mode = "input" | "form" | "output";

/**
 * Schemas of one operation, as our closed dialect: references unfolded, cycles cut, alternatives
 * merged. What it says of arguments may be looser than the document, never wider than its names:
 * the service still checks. What it says of results leaves out whatever has no certain form.
 */
export class Schemas {
  readonly #references: References;
  readonly #notes: Notes;
  readonly #mode: Mode;
  #left = MAX_SCHEMAS;

  constructor(references: References, notes: Notes, mode: Mode) {
    this.#references = references;
    this.#notes = notes;
    this.#mode = mode;
  }

  /** Null: nothing certain can be said of such values. */
  read(at: At): Plain | null {
    return this.#schema(at, [], 0);
  }

  #schema(from: At, trail: readonly string[], depth: number): Plain | null {
    const at = this.#references.resolve(from);
    if (at === null) return null;
    const { value: schema, pointer } = at;
    if (trail.includes(pointer)) return this.#cut("reference_cycle", pointer, "contains itself");
    if (this.#left-- <= 0 || depth > MAX_SCHEMA_DEPTH) {
      return this.#cut("schema_too_big", pointer, "too deep or too large when unfolded");
    }
    if (schema === true) return null;
    if (!isObject(schema)) return this.#cut("schema_malformed", pointer, "no schema");
    const inner = [...trail, pointer];
    const parts = this.#each(at, "allOf", inner, depth);
    const base = this.#own(at, inner, depth);
    const choices = ["oneOf", "anyOf"].flatMap((key) => {
      const found = this.#each(at, key, inner, depth);
      if (found.length === 0) return [];
      if (found.length > 1) {
        this.#notes.add("changed", "schema_merged", `${pointer}/${key}`, "alternatives are one");
      }
      const certain = found.filter((one) => one !== null);
      return [certain.length === found.length ? this.#any(certain) : null];
    });
    const known = [base, ...parts, ...choices].filter((one) => one !== null);
    if (known.length === 0) {
      return this.#cut("schema_untyped", pointer, "has no certain type");
    }
    const merged = allOf(known);
    const types = typesOf(merged);
    const nullable = own(schema, "nullable") === true && !types.includes("null");
    return nullable ? this.#nullable(merged) : merged;
  }

  /** An argument may be narrower than what the service takes: of an object and a text, the object. */
  #any(schemas: readonly Plain[]): Plain | null {
    const merged = anyOf(schemas);
    if (merged !== null || this.#mode !== "form") return merged;
    return schemas.find((one) => /object|array/.test(typesOf(one).join())) ?? null;
  }

  #each(at: At, key: string, trail: readonly string[], depth: number): readonly (Plain | null)[] {
    const list = own(at.value as JsonObject, key);
    if (!Array.isArray(list)) return [];
    // 3.1 says "or null" like this; it is no alternative to anything.
    return list.map((_, index) => this.#schema(into(into(at, key), index), trail, depth + 1));
  }

  #nullable(schema: Plain): Plain {
    return anyOf([schema, { type: "null" }]) ?? schema;
  }

  /** What the schema says itself; null where it names no type, not even by its keywords. */
  #own(at: At, trail: readonly string[], depth: number): Plain | null {
    const schema = at.value as JsonObject;
    const types = ownTypes(schema);
    if (types.length === 0) return null;
    const kinds = types.filter((type) => type !== "null");
    const containers = kinds.filter((type) => type === "object" || type === "array");
    if (containers.length > 0 && kinds.length > 1) return null;
    const plain: Record<string, Json> = { type: withTypes(types) };
    this.#values(schema, kinds, plain, at.pointer);
    if (containers[0] === "object") return this.#object(at, plain, trail, depth);
    if (containers[0] === "array") return this.#array(at, plain, trail, depth);
    return plain;
  }

  #values(
    schema: JsonObject,
    kinds: readonly string[],
    plain: Record<string, Json>,
    pointer: string,
  ): void {
    const meant = new Set(kinds.flatMap((kind) => KEYWORDS_OF[kind] ?? []));
    for (const key of [...COUNTS, ...NUMBERS, ...INPUT_NUMBERS]) {
      const value = own(schema, key);
      if (typeof value !== "number" || !Number.isFinite(value) || !meant.has(key)) continue;
      if (COUNTS.includes(key) && !(Number.isSafeInteger(value) && value >= 0)) continue;
      if (this.#mode === "output" && INPUT_NUMBERS.includes(key)) continue;
      plain[key] = value;
    }
    const format = own(schema, "format");
    if (typeof format === "string" && /^[a-z0-9-]{1,40}$/.test(format)) plain["format"] = format;
    this.#pattern(schema, kinds, plain, pointer);
    this.#options(schema, plain, pointer);
    if (this.#mode === "output") return;
    const description = cleanText(own(schema, "description"), MAX_PARAMETER_CHARS);
    if (description !== "") plain["description"] = description;
    const given = own(schema, "default");
    if (given !== undefined && kinds.includes(scalarType(given, kinds))) plain["default"] = given;
  }

  #pattern(
    schema: JsonObject,
    kinds: readonly string[],
    plain: Record<string, Json>,
    pointer: string,
  ): void {
    const pattern = own(schema, "pattern");
    if (typeof pattern !== "string" || !kinds.includes("string")) return;
    if (pattern.length <= 500 && patternFault(pattern) === null) plain["pattern"] = pattern;
    else {
      const message = "invalid here, or slow on hostile input";
      this.#notes.add("changed", "pattern_dropped", `${pointer}/pattern`, message);
    }
  }

  #options(schema: JsonObject, plain: Record<string, Json>, pointer: string): void {
    const only = own(schema, "const");
    const options = only === undefined ? own(schema, "enum") : [only];
    if (!Array.isArray(options) || options.length === 0) return;
    const types = typesOf(plain);
    const plainOnes = [...new Set(options as readonly Json[])].filter((one) =>
      types.includes(scalarType(one, types)),
    );
    if (plainOnes.length > 0 && plainOnes.length <= MAX_OPTIONS) plain["enum"] = plainOnes;
    else
      this.#notes.add("changed", "options_dropped", pointer, "too many values, or of another type");
  }

  #object(
    at: At,
    plain: Record<string, Json>,
    trail: readonly string[],
    depth: number,
  ): Plain | null {
    const schema = at.value as JsonObject;
    const listed = own(schema, "required");
    const must = Array.isArray(listed) ? (listed as readonly Json[]) : [];
    const properties: Record<string, Json> = {};
    const members = own(schema, "properties");
    for (const name of isObject(members) ? Object.keys(members) : []) {
      if (!NAME.test(name) || this.#isOneSided(into(into(at, "properties"), name))) continue;
      const member = this.#schema(into(into(at, "properties"), name), trail, depth + 1);
      if (member !== null) properties[name] = member;
      // Without it the service would refuse the call: any value goes, and the service checks it.
      else if (this.#mode !== "output" && must.includes(name)) properties[name] = {};
    }
    if (Object.keys(properties).length > 0) plain["properties"] = properties;
    const required = must.filter(
      (one) => typeof one === "string" && Object.hasOwn(properties, one),
    );
    if (required.length > 0) plain["required"] = [...new Set(required)];
    const extra = own(schema, "additionalProperties");
    if (extra === false) plain["additionalProperties"] = false;
    else if (isObject(extra) && Object.keys(extra).length > 0) {
      const read = this.#schema(into(at, "additionalProperties"), trail, depth + 1);
      if (read !== null) plain["additionalProperties"] = read;
    }
    const said = "properties" in plain || isObject(plain["additionalProperties"]);
    return this.#mode !== "output" || said ? plain : null;
  }

  #array(
    at: At,
    plain: Record<string, Json>,
    trail: readonly string[],
    depth: number,
  ): Plain | null {
    const given = own(at.value as JsonObject, "items");
    const items = given === undefined ? null : this.#schema(into(at, "items"), trail, depth + 1);
    if (items !== null) plain["items"] = items;
    return this.#mode !== "output" || items !== null ? plain : null;
  }

  /** `readOnly` is not for requests, `writeOnly` not for answers. */
  #isOneSided(from: At): boolean {
    const { value } = from;
    const key = this.#mode === "output" ? "writeOnly" : "readOnly";
    return isObject(value) && own(value, key) === true;
  }

  #cut(code: Parameters<Notes["add"]>[1], pointer: string, message: string): null {
    this.#notes.add("changed", code, pointer, message);
    return null;
  }
}

function ownTypes(schema: JsonObject): readonly string[] {
  const type = own(schema, "type");
  const named = (Array.isArray(type) ? (type as readonly Json[]) : [type]).filter(
    (one): one is string => SCHEMA_TYPES.some((known) => known === one),
  );
  if (named.length > 0) return [...new Set(named)];
  if (type !== undefined) return [];
  if (isObject(own(schema, "properties")) || isObject(own(schema, "additionalProperties"))) {
    return ["object"];
  }
  if (own(schema, "items") !== undefined) return ["array"];
  const only = own(schema, "const");
  const options = only === undefined ? own(schema, "enum") : [only];
  if (!Array.isArray(options)) return [];
  const types = (options as readonly Json[]).map((one) => scalarType(one, []));
  return types.includes("") ? [] : [...new Set(types)];
}

/** Empty: no scalar. */
function scalarType(value: Json, among: readonly string[]): string {
  if (value === null) return "null";
  if (typeof value === "string" || typeof value === "boolean") return typeof value;
  if (typeof value !== "number") return "";
  return Number.isInteger(value) && !among.includes("number") ? "integer" : "number";
}
