import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { readLines } from "./lines.ts";

async function linesOf(maxBytes: number, ...chunks: readonly string[]) {
  const lines: (string | null)[] = [];
  const input = Readable.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
  for await (const line of readLines(input, maxBytes)) lines.push(line);
  return lines;
}

describe("lines of a stream", () => {
  it("come whole, however they are cut", async () => {
    expect(await linesOf(10, "a\nb", "c\n", "\nd\n")).toEqual(["a", "bc", "", "d"]);
  });

  it("are only those that ended", async () => {
    expect(await linesOf(10, "a\nrest")).toEqual(["a"]);
  });

  it("may be as long as the cap, and one byte more is told as too long", async () => {
    expect(await linesOf(4, "1234\n12", "345\nok\n")).toEqual(["1234", null, "ok"]);
  });
});
