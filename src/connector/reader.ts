import { parseTree, printParseErrorCode, type Node, type ParseError } from "jsonc-parser";

/** One thing wrong with a configuration file, with where it stands and what to do. */
export interface Mistake {
  /** From 1. */
  readonly line: number;
  /** `destinations.billing.port`; empty for the file itself. */
  readonly at: string;
  readonly code: MistakeCode;
  readonly fix: string;
}

export const MISTAKE_CODES = [
  "not_jsonc",
  "duplicate_key",
  "unknown_key",
  "missing_key",
  "wrong_type",
  "invalid_value",
  "env_missing",
  "secret_unreadable",
] as const;
export type MistakeCode = (typeof MISTAKE_CODES)[number];

/** A value of the file that knows its place, so that every mistake is reported, not the first. */
export class Reader {
  readonly #text: string;
  readonly #node: Node;
  readonly #at: string;
  readonly #mistakes: Mistake[];

  private constructor(text: string, node: Node, at: string, mistakes: Mistake[]) {
    this.#text = text;
    this.#node = node;
    this.#at = at;
    this.#mistakes = mistakes;
  }

  static parse(text: string, mistakes: Mistake[]): Reader | null {
    const errors: ParseError[] = [];
    const root = parseTree(text, errors, { allowTrailingComma: true });
    for (const error of errors) {
      const fix = `${printParseErrorCode(error.error)}: correct the syntax here`;
      mistakes.push({ line: lineOf(text, error.offset), at: "", code: "not_jsonc", fix });
    }
    if (root === undefined && errors.length === 0) {
      mistakes.push({ line: 1, at: "", code: "not_jsonc", fix: "the file is empty" });
    }
    return root === undefined || errors.length > 0 ? null : new Reader(text, root, "", mistakes);
  }

  wrong(code: MistakeCode, fix: string): null {
    const line = lineOf(this.#text, this.#node.offset);
    this.#mistakes.push({ line, at: this.#at, code, fix });
    return null;
  }

  /** Members by name. `known`: any other name is a mistake; absent: names are data. */
  members(known?: readonly string[]): ReadonlyMap<string, Reader> {
    const members = new Map<string, Reader>();
    if (this.#node.type !== "object") {
      this.wrong("wrong_type", "write an object: { … }");
      return members;
    }
    for (const property of this.#node.children ?? []) {
      const [key, value] = property.children ?? [];
      if (key === undefined || value === undefined) continue;
      const name = String(key.value);
      const at = this.#at === "" ? name : `${this.#at}.${name}`;
      const member = new Reader(this.#text, value, at, this.#mistakes);
      if (members.has(name)) member.wrong("duplicate_key", "keep one of the two");
      else if (known !== undefined && !known.includes(name)) {
        const typo = nearest(name, known);
        const fix =
          typo === null ? `remove it; known: ${known.join(", ")}` : `did you mean "${typo}"?`;
        member.wrong("unknown_key", fix);
      } else members.set(name, member);
    }
    return members;
  }

  /** The member, or a mistake at the place where it should be. */
  required(members: ReadonlyMap<string, Reader>, name: string, hint: string): Reader | null {
    return members.get(name) ?? this.wrong("missing_key", `add "${name}": ${hint}`);
  }

  items(): readonly Reader[] {
    if (this.#node.type !== "array") {
      this.wrong("wrong_type", "write a list: [ … ]");
      return [];
    }
    return (this.#node.children ?? []).map(
      (node, index) => new Reader(this.#text, node, `${this.#at}[${index}]`, this.#mistakes),
    );
  }

  string(form: RegExp, fix: string): string | null {
    const value: unknown = this.#node.value;
    if (this.#node.type !== "string" || typeof value !== "string") {
      return this.wrong("wrong_type", "write a string");
    }
    return form.test(value) ? value : this.wrong("invalid_value", fix);
  }

  oneOf<T extends string>(values: readonly T[]): T | null {
    const value = values.find((one) => one === this.#node.value);
    if (value !== undefined) return value;
    const typo = nearest(String(this.#node.value), values);
    const all = values.map((one) => `"${one}"`).join(", ");
    return this.wrong("invalid_value", `${typo ? `did you mean "${typo}"? ` : ""}one of ${all}`);
  }

  integer(from: number, to: number): number | null {
    const value: unknown = this.#node.value;
    if (typeof value === "number" && Number.isInteger(value) && value >= from && value <= to) {
      return value;
    }
    return this.wrong("invalid_value", `a whole number from ${from} to ${to}`);
  }

  boolean(): boolean | null {
    const value: unknown = this.#node.value;
    return typeof value === "boolean" ? value : this.wrong("wrong_type", "true or false");
  }

  /** The member that says how to read the others; their names are checked by whoever reads them. */
  kind<T extends string>(values: readonly T[]): T | null {
    for (const property of this.#node.children ?? []) {
      const [key, value] = property.children ?? [];
      if (key?.value !== "kind" || value === undefined) continue;
      return new Reader(this.#text, value, `${this.#at}.kind`, this.#mistakes).oneOf(values);
    }
    return this.wrong("missing_key", `add "kind": one of ${values.join(", ")}`);
  }

  is(type: "string" | "array" | "object"): boolean {
    return this.#node.type === type;
  }
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** Most typos are one or two edits away. */
function nearest(name: string, known: readonly string[]): string | null {
  const [best] = known
    .map((one) => ({ one, distance: edits(name.toLowerCase(), one.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= 2 ? best.one : null;
}

function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
