import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { tortures } from "./table.ts";

const FOLDER = new URL(".", import.meta.url);

/** Faults of parts that do not exist yet. One leaves this list with its file, and none comes back. */
const LATER = [5, 6, 7, 22, 23, 25, 26];

describe("the table of tortures", () => {
  const table = tortures();

  it("has the forty numbers in order", () => {
    expect(table.map(({ number }) => number)).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
  });

  it("has a test for every fault that is not for later", () => {
    const untested = table.filter(({ file }) => file === null);
    expect(untested.map(({ number }) => number)).toEqual(LATER);
  });

  it("names exactly the files that are there", () => {
    const files = readdirSync(FOLDER).filter((name) => /^\d+\.test\.ts$/.test(name));
    const named = table.flatMap(({ file }) => file ?? []);
    expect(named.toSorted()).toEqual(files.toSorted());
    for (const { number, file } of table) {
      if (file === null) continue;
      expect(file).toBe(`${number}.test.ts`);
      const text = readFileSync(new URL(file, FOLDER), "utf8");
      expect(text, file).toMatch(new RegExp(`describe[^\\n]*\\(\\s*[\`"]torture ${number}: `));
    }
  });

  it("says for each file what it checks, which the runner holds it to", () => {
    for (const { number, file, invariants } of table) {
      if (file === null) expect(invariants, String(number)).toEqual([]);
      else expect(invariants.length, String(number)).toBeGreaterThan(0);
    }
  });
});
