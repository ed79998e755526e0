import { describe, expect, it } from "vitest";
import { canonical, parseStrict } from "../../src/core/model/json.ts";
import { readVectors } from "./vectors.ts";

/** The RFC 8785 samples of the specification's author. */
const NAMES = ["arrays", "french", "structures", "unicode", "values", "weird"] as const;
const absent = readVectors("jcs/arrays.input.json") === null;

describe.skipIf(absent)("canonical JSON", () => {
  it.each(NAMES)("of %s is the published bytes", (name) => {
    const parsed = parseStrict(readVectors(`jcs/${name}.input.json`) ?? "");
    if (!parsed.ok) expect.fail(parsed.fault);
    else expect(canonical(parsed.value)).toBe(readVectors(`jcs/${name}.output.json`));
  });

  it.each(NAMES)("of %s stays the same when it is read and written again", (name) => {
    const output = readVectors(`jcs/${name}.output.json`) ?? "";
    const parsed = parseStrict(output);
    expect(parsed.ok && canonical(parsed.value)).toBe(output);
  });
});
