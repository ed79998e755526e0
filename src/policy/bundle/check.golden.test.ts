import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import type { Mistake } from "./mistake.ts";
import { readBundleFolder } from "./read-folder.ts";
import { PLACES } from "./testing-golden-places.ts";
import { PINS } from "./testing-golden.ts";

const BAD = fileURLToPath(new URL("../../../test/fixtures/bundles/bad", import.meta.url));

describe("a bundle full of mistakes", () => {
  it("has every one of them reported at once, with file, line, code and fix", async () => {
    const mistakes = await check();
    expect(
      mistakes.map(({ file, line, code, fix }) => [`${file}:${line}`, code, fix] as const),
    ).toEqual(PINS);
  });

  it("has each kind pointed at where it begins, to the character", async () => {
    const files = await readBundleFolder(BAD);
    const mistakes = await check();
    expect(new Set(PLACES.map(([, code]) => code)).size).toBeGreaterThan(60);
    for (const [place, code, text] of PLACES) {
      const codes = mistakes.filter((one) => placeOf(one) === place).map((one) => one.code);
      expect(codes, place).toContain(code);
      const [file = "", line = 0, column = 0] = place.split(":");
      const there = files[file]?.split("\n")[Number(line) - 1]?.slice(Number(column) - 1) ?? "";
      expect(there.slice(0, text.length), place).toBe(text);
    }
  });

  it("holds more than 60 distinct kinds", () => {
    expect(new Set(PINS.map(([, code]) => code)).size).toBeGreaterThan(60);
  });

  it("never repeats private key material", async () => {
    expect(JSON.stringify(await check())).not.toContain("private-half");
  });
});

async function check(): Promise<readonly Mistake[]> {
  const checked = checkBundle(await readBundleFolder(BAD));
  return checked.ok ? [] : checked.mistakes;
}

function placeOf({ file, line, column }: Mistake): string {
  return `${file}:${line}:${column}`;
}
