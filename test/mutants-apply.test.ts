import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "./acceptance/support/process.ts";
import { MUTANTS } from "./mutants/mutants.ts";

/** `npm run test:mutants` takes minutes; that code moved away from under a mutant is seen here at once. */
describe("mutants", () => {
  it.each(MUTANTS)("$name: the code that it changes is there, once", ({ patch, suite }) => {
    const text = readFileSync(join(ROOT, patch.file), "utf8");
    expect(text.split(patch.find).length - 1, patch.file).toBe(1);
    expect(existsSync(join(ROOT, suite)), suite).toBe(true);
  });
});
