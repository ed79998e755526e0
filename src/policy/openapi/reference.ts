import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { MAX_REFERENCE_STEPS } from "./limits.ts";
import type { Notes } from "./note.ts";

/** A value of the document, and the place where it really stands. */
export interface At {
  readonly value: Json;
  readonly pointer: string;
}

/** Follows `$ref` within the document; whatever else a reference may name is never fetched. */
export class References {
  readonly #document: JsonObject;
  readonly #notes: Notes;

  constructor(document: JsonObject, notes: Notes) {
    this.#document = document;
    this.#notes = notes;
  }

  /** Null: it leads nowhere, and the notes say so. */
  resolve(at: At): At | null {
    let now = at;
    for (let step = 0; step <= MAX_REFERENCE_STEPS; step++) {
      const { value } = now;
      if (!isObject(value)) return now;
      const target = own(value, "$ref");
      if (typeof target !== "string") return now;
      if (!target.startsWith("#")) {
        const message = "a reference to another document: put what it names into this one";
        this.#notes.add("changed", "reference_remote", now.pointer, message);
        return null;
      }
      const found = this.#find(target.slice(1));
      if (found === undefined) {
        this.#notes.add("changed", "reference_missing", now.pointer, "refers to nothing");
        return null;
      }
      now = { value: found, pointer: decoded(target.slice(1)) ?? "" };
    }
    this.#notes.add("changed", "reference_cycle", at.pointer, "refers to itself in the end");
    return null;
  }

  #find(fragment: string): Json | undefined {
    const text = decoded(fragment);
    if (text === null) return undefined;
    let value: Json | undefined = this.#document;
    for (const part of text === "" ? [] : text.slice(1).split("/")) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (Array.isArray(value)) value = (value as readonly Json[])[Number(key)];
      else value = isObject(value) ? own(value, key) : undefined;
      if (value === undefined) return undefined;
    }
    return value;
  }
}

function decoded(fragment: string): string | null {
  try {
    const text = decodeURIComponent(fragment);
    return text === "" || text.startsWith("/") ? text : null;
  } catch {
    return null;
  }
}

/** One step down. */
export function into(at: At, key: string | number): At {
  const { value, pointer } = at;
  const inner =
    typeof key === "number" ? (value as readonly Json[])[key] : own(value as JsonObject, key);
  const part = String(key).replaceAll("~", "~0").replaceAll("/", "~1");
  return { value: inner ?? null, pointer: `${pointer}/${part}` };
}

/** An own member: a document may call one `constructor`. */
export function own(value: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

export function ownText(value: JsonObject, key: string): string | undefined {
  const member = own(value, key);
  return typeof member === "string" ? member : undefined;
}
