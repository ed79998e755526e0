import { MAX_INTEGER } from "./limits.ts";
import type { Located } from "./located.ts";
import type { MistakeCode, Report } from "./mistake.ts";
import type { SourceFile } from "./source-file.ts";
import { likely } from "./typo.ts";

/** Where a reader stands; every mistake goes to the same report. */
export interface Place {
  readonly file: SourceFile;
  readonly report: Report;
}

/** Undefined: not readable, and the report says why. Readers go on after a mistake. */
export type Read<T> = (node: Located, place: Place) => T | undefined;

export interface Field<T> {
  readonly read: Read<T>;
  readonly required: boolean;
}

export function required<T>(read: Read<T>): Field<T> {
  return { read, required: true };
}

export function optional<T>(read: Read<T>): Field<T> {
  return { read, required: false };
}

type Fields = { readonly [name: string]: Field<unknown> };
export type Values<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T | undefined : never;
};

/** A closed object: unknown keys are mistakes, missing ones too. */
export function fields<F extends Fields>(spec: F): Read<Values<F>> {
  const names = Object.keys(spec);
  return (node, place) => {
    if (!expectType(node, "object", place)) return undefined;
    for (const [key, member] of node.members) {
      if (Object.hasOwn(spec, key)) continue;
      // With or without `$schema`: an editor reads it, nobody else.
      if (key === "$schema") continue;
      unknownKey(key, names, member.keyOffset, place);
    }
    const values: Record<string, unknown> = {};
    for (const name of names) {
      const field = spec[name];
      const member = node.members.get(name);
      if (member !== undefined) values[name] = field?.read(member.node, place);
      else if (field?.required === true) missing(node, name, place);
    }
    return values as Values<F>;
  };
}

export function unknownKey(
  key: string,
  known: readonly string[],
  offset: number,
  place: Place,
): void {
  const meant = likely(key, known);
  place.report.add(
    place.file,
    offset,
    "unknown_key",
    `unknown key "${key}"`,
    meant === undefined
      ? `remove it; allowed here: ${known.join(", ")}`
      : `did you mean "${meant}"?`,
    meant,
  );
}

export function missing(node: Located, name: string, place: Place): void {
  place.report.add(
    place.file,
    node.offset,
    "missing_key",
    `the key "${name}" is missing`,
    `add "${name}"`,
  );
}

export function expectType(node: Located, type: Located["type"], place: Place): boolean {
  if (node.type === type) return true;
  place.report.add(
    place.file,
    node.offset,
    "wrong_type",
    `expected ${article(type)}, found ${article(node.type)}`,
    `write ${article(type)} here`,
  );
  return false;
}

function article(type: Located["type"]): string {
  if (type === "null") return "null";
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

export const flag: Read<boolean> = (node, place) =>
  expectType(node, "boolean", place) ? (node.value as boolean) : undefined;

/** RFC 6901, below the root. */
export const pointer: Read<string> = (node, place) => {
  const value = text(1_000)(node, place);
  if (value === undefined || /^(?:\/(?:[^~/]|~[01])*)+$/.test(value)) return value;
  place.report.add(
    place.file,
    node.offset,
    "wrong_value",
    `"${value}" is no JSON Pointer`,
    "write it as /member/0/member; ~ as ~0, / in a name as ~1",
  );
  return undefined;
};

/** Any text, within a length. */
export function text(maxChars: number): Read<string> {
  return (node, place) => {
    if (!expectType(node, "string", place)) return undefined;
    const value = node.value as string;
    if (value.trim() === "") {
      place.report.add(place.file, node.offset, "too_short", "the text is empty", "write a text");
      return undefined;
    }
    if (value.length > maxChars) {
      place.report.add(
        place.file,
        node.offset,
        "too_long",
        `${value.length} characters are more than ${maxChars}`,
        `shorten it to ${maxChars} characters`,
      );
      return undefined;
    }
    return value;
  };
}

/** An id of a fixed form. */
export function id(pattern: RegExp): Read<string> {
  return (node, place) => {
    if (!expectType(node, "string", place)) return undefined;
    return isId(node.value as string, pattern, node.offset, place)
      ? (node.value as string)
      : undefined;
  };
}

export function isId(value: string, pattern: RegExp, offset: number, place: Place): boolean {
  if (pattern.test(value)) return true;
  place.report.add(
    place.file,
    offset,
    "bad_id",
    `"${value}" is not a valid id`,
    `use an id that matches ${pattern.source}`,
  );
  return false;
}

export function oneOf<const T extends string>(values: readonly T[]): Read<T> {
  return (node, place) => {
    if (!expectType(node, "string", place)) return undefined;
    const value = node.value as string;
    const found = values.find((one) => one === value);
    if (found === undefined) {
      const meant = likely(value, values);
      place.report.add(
        place.file,
        node.offset,
        "wrong_value",
        `"${value}" is none of ${values.join(", ")}`,
        meant === undefined ? `use one of ${values.join(", ")}` : `did you mean "${meant}"?`,
        meant,
      );
    }
    return found;
  };
}

export function integer(least: number, most: number = MAX_INTEGER): Read<number> {
  return (node, place) => {
    if (!expectType(node, "number", place)) return undefined;
    const value = node.value as number;
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    place.report.add(
      place.file,
      node.offset,
      "out_of_range",
      `${value} is not a whole number from ${least} to ${most}`,
      `use a whole number from ${least} to ${most}`,
    );
    return undefined;
  };
}

/** Unreadable items are left out. */
export function items<T>(item: Read<T>): Read<readonly T[]> {
  return (node, place) => {
    if (!expectType(node, "array", place)) return undefined;
    return node.items.flatMap((child) => item(child, place) ?? []);
  };
}

/** Each value once. Unreadable items are left out. */
export function list<T>(item: Read<T>, least: number = 0): Read<readonly T[]> {
  return (node, place) => {
    if (!expectType(node, "array", place)) return undefined;
    if (node.items.length < least) {
      place.report.add(
        place.file,
        node.offset,
        "too_short",
        `at least ${least} ${least === 1 ? "item is" : "items are"} needed`,
        "add an item",
      );
    }
    const seen = new Set<unknown>();
    const values: T[] = [];
    for (const child of node.items) {
      const value = item(child, place);
      if (value === undefined) continue;
      if (seen.has(value)) {
        place.report.add(
          place.file,
          child.offset,
          "duplicate_value",
          `${JSON.stringify(value)} stands here twice`,
          "remove one of the two",
        );
        continue;
      }
      seen.add(value);
      values.push(value);
    }
    return values;
  };
}

/** An object whose keys are ids of the author's choice. Unreadable values are `undefined`. */
export function dictionary<T>(
  pattern: RegExp,
  value: Read<T>,
): Read<ReadonlyMap<string, T | undefined>> {
  return (node, place) => {
    if (!expectType(node, "object", place)) return undefined;
    const entries = new Map<string, T | undefined>();
    for (const [key, member] of node.members) {
      isId(key, pattern, member.keyOffset, place);
      entries.set(key, value(member.node, place));
    }
    return entries;
  };
}

/** The node itself, for what has its own checks. */
export const raw: Read<Located> = (node) => node;

/** A name that must have been declared elsewhere. */
export function expectKnown(
  name: string,
  known: readonly string[],
  offset: number,
  code: MistakeCode,
  what: string,
  where: string,
  place: Place,
): boolean {
  if (known.includes(name)) return true;
  const meant = likely(name, known);
  place.report.add(
    place.file,
    offset,
    code,
    `unknown ${what} "${name}"`,
    meant === undefined
      ? `declare "${name}" in ${where}, or use one that is declared`
      : `did you mean "${meant}"?`,
    meant,
  );
  return false;
}
