import { type Schema, Validator } from "@cfworker/json-schema";
import type { Json, JsonObject } from "../core/model/json.ts";

const DRAFT = "2020-12";

export interface SchemaFault {
  readonly keyword: string;
  /** JSON Pointer. */
  readonly at: string;
  /** JSON Pointer into the schema; leads nowhere where a reference was followed. */
  readonly schemaAt: string;
}

/** A general JSON Schema, compiled once. `null`: the schema or the value made the checker throw. */
export class CompiledSchema {
  readonly #first: Validator;
  readonly #all: Validator;

  constructor(schema: JsonObject) {
    // The library marks the schema it is given; ours is shared and digested.
    this.#first = new Validator(structuredClone(schema) as Schema, DRAFT, true);
    this.#all = new Validator(structuredClone(schema) as Schema, DRAFT, false);
  }

  matches(value: Json): boolean | null {
    try {
      return this.#first.validate(value).valid;
    } catch {
      return null;
    }
  }

  /** Empty when the value matches. */
  faults(value: Json, depth: "first" | "all"): readonly SchemaFault[] | null {
    try {
      const { errors } = (depth === "first" ? this.#first : this.#all).validate(value);
      return errors.map(({ keyword, keywordLocation, instanceLocation }) => ({
        keyword,
        schemaAt: decodeURIComponent(keywordLocation.slice(1)),
        // A URI fragment: `#`, then a percent-encoded pointer.
        at: decodeURIComponent(instanceLocation.slice(1)),
      }));
    } catch {
      return null;
    }
  }
}
