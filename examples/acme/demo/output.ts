import { pc } from "./colour.ts";
import { headline, lines } from "./report.ts";
import type { Row } from "./row.ts";

/** For people a table and sentences, for machines one JSON value a line. */
export class Output {
  readonly #json: boolean;

  constructor(json: boolean) {
    this.#json = json;
  }

  progress(text: string): void {
    this.#say({ event: "progress", text }, pc.dim(text));
  }

  caseBegins(): void {
    if (!this.#json) this.#write(`\n${headline()}`);
  }

  writesBegin(): void {
    if (!this.#json)
      this.#write(pc.dim("\na connector dies, then changes: refunds, operations, the switch"));
  }

  libraryBegins(vectors: boolean): void {
    if (this.#json) return;
    const without = vectors ? "" : " (no pgvector in this database: by words only)";
    this.#write(pc.dim(`\nand what do the handbooks say?${without}`));
  }

  row(row: Row): void {
    this.#say({ event: "step", ...row }, lines(row));
  }

  verdict(good: boolean, text: string): void {
    this.#say({ event: "verdict", good, text }, `${good ? pc.green("✓") : pc.red("✗")} ${text}`);
  }

  invitation(facts: object, text: string): void {
    this.#say({ event: "up", ...facts }, text);
  }

  /** The last word of a run that asserts. */
  result(ok: boolean, differences: readonly string[]): void {
    const verdict = ok ? pc.green("everything as expected") : pc.red("not as expected:");
    const list = differences.map((one) => `  - ${one}`);
    this.#say({ event: "result", ok, differences }, `\n${[verdict, ...list].join("\n")}`);
  }

  #say(facts: object, text: string): void {
    this.#write(this.#json ? JSON.stringify(facts) : text);
  }

  #write(text: string): void {
    process.stdout.write(`${text}\n`);
  }
}
