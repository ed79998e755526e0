import { coloursFor } from "./colour.ts";

/** Of standard output. */
export const pc = coloursFor(process.stdout);

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What machines read: one JSON value a line. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** Columns padded to their widest cell; control characters of foreign text made visible. */
export function table(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of shown) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return shown
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** ANSI and bidi controls from elsewhere must not draw on a person's terminal. */
export function printable(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- these are the characters to be made visible
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
