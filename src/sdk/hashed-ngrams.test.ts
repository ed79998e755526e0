import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashedNgrams } from "./hashed-ngrams.ts";

const DIMENSIONS = 256;

function similarity(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => hashedNgrams(text, DIMENSIONS));
  return left!.reduce((sum, value, at) => sum + value * right![at]!, 0);
}

describe("a text as hashed n-grams", () => {
  it("is these numbers for good: an index that was filled with others could not be searched", () => {
    expect(hashedNgrams("Refund", 8)).toEqual([0, 0.37796, 0.75593, -0.37796, 0, 0, -0.37796, 0]);
    const long = hashedNgrams("Wie lange dauert die Rückerstattung? 返金 🧾 naïve ﬁle", 512);
    expect(createHash("sha256").update(JSON.stringify(long)).digest("hex")).toBe(
      "a4ea83942b6ad742acf2d77d5e57f903a158d1d603c097f3f3c2a64ae228f4fa",
    );
  });

  it("has length 1, whatever it is of", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.integer({ min: 1, max: 300 }),
        (text, size) => {
          const vector = hashedNgrams(text, size);
          expect(vector).toHaveLength(size);
          expect(Math.hypot(...vector)).toBeCloseTo(1, 3);
        },
      ),
    );
  });

  it("has a direction also where nothing in it says anything", () => {
    for (const text of ["", "?!", "and what of it", "\ud800"]) {
      expect(hashedNgrams(text, 4)).toEqual([1, 0, 0, 0]);
    }
  });

  it("does not depend on case, on the order of words, or on how characters are composed", () => {
    expect(similarity("Refund an INVOICE", "invoice: refund")).toBeCloseTo(1, 3);
    expect(similarity("Rückzahlung", "Ru\u0308ckzahlung")).toBeCloseTo(1, 3);
  });

  it("is closer to what is spelled alike than to what is not", () => {
    const asked = "refunding invoices";
    expect(similarity(asked, "how an invoice is refunded")).toBeGreaterThan(0.4);
    expect(similarity(asked, "parental leave of employees")).toBeLessThan(0.15);
  });
});
