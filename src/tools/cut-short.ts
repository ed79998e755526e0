import { isObject, type Json } from "../core/model/json.ts";
import type { TruncatedPlace } from "../core/model/outcome.ts";
import { childOf, type OutputNode } from "./classify.ts";
import { pointer, put } from "./pointer.ts";

export interface CutShort<T> {
  readonly value: T;
  readonly places: readonly TruncatedPlace[];
}

interface List {
  readonly path: string;
  readonly items: readonly Json[];
  /** Of each item, as JSON. */
  readonly sizes: readonly number[];
  readonly size: number;
  /** What the published schema promises. */
  readonly least: number;
}

export function sizeOfJson(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/**
 * Whole items leave from the ends of lists, the largest list first, until the rest fits. It stays JSON, and
 * keeps to the schema that was published: an item is whole or not there, and no list gets shorter than its
 * `minItems`. The same value is always cut at the same places. Null: no list can give enough.
 */
export function cutToFit(
  root: OutputNode | null,
  value: Json,
  excess: number,
): CutShort<Json> | null {
  const kept = new Map<readonly Json[], number>();
  const places: TruncatedPlace[] = [];
  let left = excess;
  for (const list of listsOf(root, value).toSorted((a, b) => b.size - a.size)) {
    if (left <= 0) break;
    let count = list.items.length;
    while (left > 0 && count > list.least) {
      count--;
      left -= (list.sizes[count] ?? 0) + (count > 0 ? 1 : 0);
    }
    const of = list.items.length;
    if (count === of) continue;
    kept.set(list.items, count);
    places.push({ path: list.path, unit: "items", kept: count, of });
  }
  return left > 0 ? null : { value: shortened(value, kept), places };
}

/** A beginning of whole lines, or of whole characters where one line alone is too long. */
export function cutText(text: string, maxBytes: number): CutShort<string> {
  const bytes = Buffer.from(text);
  let end = maxBytes;
  // RFC 3629: what continues a character is 10xxxxxx.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  const line = bytes.subarray(0, end).lastIndexOf("\n") + 1;
  const kept = line > 0 ? line : end;
  const place = { path: "", unit: "bytes", kept, of: bytes.length } as const;
  return { value: bytes.toString("utf8", 0, kept), places: [place] };
}

/** Whether a place of the whole result is still there. */
export function isKept(places: readonly TruncatedPlace[], path: string): boolean {
  return places.every((cut) => {
    if (!path.startsWith(`${cut.path}/`)) return true;
    return Number(path.slice(cut.path.length + 1).split("/", 1)[0]) < cut.kept;
  });
}

/** Lists that stand in no other list, in the order of the text. */
function listsOf(root: OutputNode | null, value: Json): readonly List[] {
  const lists: List[] = [];
  const walk = (node: OutputNode | null, inside: Json, path: readonly string[]): void => {
    if (Array.isArray(inside)) {
      // A constant with an item less would be another one.
      if (node !== null && (node.schema.const ?? node.schema.enum) !== undefined) return;
      const items = inside as readonly Json[];
      const sizes = items.map(sizeOfJson);
      const size = sizes.reduce((sum, one) => sum + one, 0);
      lists.push({ path: pointer(path), items, sizes, size, least: node?.schema.minItems ?? 0 });
    } else if (isObject(inside)) {
      for (const [key, child] of Object.entries(inside)) {
        walk(node && childOf(node, key), child, [...path, key]);
      }
    }
  };
  walk(root, value, []);
  return lists;
}

function shortened(value: Json, kept: ReadonlyMap<readonly Json[], number>): Json {
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    return items.slice(0, kept.get(items) ?? items.length);
  }
  if (!isObject(value)) return value;
  const whole: Record<string, Json> = {};
  for (const [key, child] of Object.entries(value)) put(whole, key, shortened(child, kept));
  return whole;
}
