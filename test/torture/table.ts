import { readFileSync } from "node:fs";

/** One line of the table in README.md, which says what this folder is for: the only list there is. */
export interface Torture {
  readonly number: number;
  readonly fault: string;
  /** The file beside this one; null: the fault is for later. */
  readonly file: string | null;
  /** What the file has to check; the runner counts what it did check. */
  readonly invariants: readonly string[];
}

const README = new URL("README.md", import.meta.url);

export function tortures(): Torture[] {
  return readFileSync(README, "utf8")
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter(([, number = ""]) => /^\d+$/.test(number))
    .map(([, number, fault = "", , test = "", invariants = ""]) => ({
      number: Number(number),
      fault,
      file: /\((\d+\.test\.ts)\)/.exec(test)?.[1] ?? null,
      invariants: invariants.match(/\bI\d\b/g) ?? [],
    }));
}
