import type { Json } from "../core/model/json.ts";
import type { Rows } from "./postgres-client.ts";

/** `{"rows":[…]}`, written row by row until a cap ends it. */
export class ResultText {
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #rows: string[] = [];
  #bytes = '{"rows":[]}'.length;
  #truncated = false;
  /** Two columns with one name: whoever classifies one of them would deliver the other. */
  ambiguous = false;

  constructor(maxRows: number, maxBytes: number) {
    this.#maxRows = maxRows;
    this.#maxBytes = maxBytes;
  }

  add({ names, rows }: Rows): "more" | "enough" {
    if (new Set(names).size !== names.length || names.includes("__proto__")) this.ambiguous = true;
    if (this.ambiguous) return "enough";
    for (const row of rows) {
      const text = JSON.stringify(
        Object.fromEntries(row.map((value: Json, at) => [names[at] ?? "", value])),
      );
      const bytes = Buffer.byteLength(text) + 1;
      if (this.#rows.length >= this.#maxRows || this.#bytes + bytes > this.#maxBytes) {
        this.#truncated = true;
        return "enough";
      }
      this.#bytes += bytes;
      this.#rows.push(text);
    }
    return "more";
  }

  get truncated(): boolean {
    return this.#truncated;
  }

  text(): string {
    return `{"rows":[${this.#rows.join(",")}]}`;
  }
}
