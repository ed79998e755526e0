import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../acceptance/support/process.ts";

/** What a guide asks its reader to do, in this order. */
export type Step = { readonly line: number; readonly text: string } & (
  | {
      readonly kind: "sh";
      readonly exit: number;
      /** What the guide shows of its output, as JSON, in the block behind it. */
      readonly shows: string | null;
    }
  /** An edit of one file: context and lines with - and +, as `diff -u` has them. */
  | { readonly kind: "diff" }
  /** For the reader's own database. */
  | { readonly kind: "sql" }
);

export interface Guide {
  /** Of the table of what a reader has to replace, in its order. */
  readonly placeholders: readonly string[];
  readonly steps: readonly Step[];
}

const FENCE = /^```(\w+)(?: exit=(\d+))?$/;

export function readGuide(name: string): Guide {
  const lines = readFileSync(join(ROOT, "docs", "guides", name), "utf8").split("\n");
  const table = lines.findIndex((line) => line.startsWith("| in these commands"));
  const rows = lines.slice(table + 2);
  const placeholders = rows
    .slice(0, rows.indexOf(""))
    .map((row) => /^\| `([^`]+)` +\|/.exec(row)?.[1] ?? `no placeholder: ${row}`);
  const steps: Step[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (!lines[at]!.startsWith("```")) continue;
    const [, kind = "", exit = "0"] = FENCE.exec(lines[at]!) ?? [];
    const end = lines.indexOf("```", at + 1);
    const text = lines.slice(at + 1, end).join("\n");
    add(steps, { kind, exit: Number(exit), text, line: at + 1 });
    at = end;
  }
  return { placeholders, steps };
}

function add(
  steps: Step[],
  { kind, exit, text, line }: { kind: string; exit: number; text: string; line: number },
): void {
  const before = steps.at(-1);
  if (kind === "sh") steps.push({ kind, exit, text, line, shows: null });
  else if (kind === "diff" || kind === "sql") steps.push({ kind, text, line });
  else if (kind === "json" && before?.kind === "sh" && before.shows === null) {
    steps.splice(-1, 1, { ...before, shows: text });
  } else throw new Error(`line ${line}: a block that nobody runs or compares: ${kind}`);
}

/** The file's text after an edit, which has to fit in exactly one place. */
export function applyDiff(text: string, hunk: string): string {
  const lines = hunk.split("\n");
  const side = (without: string): string =>
    lines
      .filter((line) => !line.startsWith(without))
      .map((line) => `${line.slice(1)}\n`)
      .join("");
  const parts = text.split(side("+"));
  if (parts.length !== 2) throw new Error(`it fits in ${parts.length - 1} places:\n${hunk}`);
  return parts.join(side("-"));
}
