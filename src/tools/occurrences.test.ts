import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { occurrences } from "./occurrences.ts";

function naive(corpus: string, text: string): number[] {
  const found: number[] = [];
  for (let at = corpus.indexOf(text); at >= 0 && text !== ""; at = corpus.indexOf(text, at + 1)) {
    found.push(at);
  }
  return found;
}

describe("occurrences of a text", () => {
  it("are all of them, overlaps included", () => {
    expect([...occurrences("aaaa", "aa")]).toEqual([0, 1, 2]);
    expect([...occurrences("abcabcabd", "abcabd")]).toEqual([3]);
    expect([...occurrences("ab", "abc")]).toEqual([]);
    expect([...occurrences("ab", "")]).toEqual([]);
    expect([...occurrences("", "a")]).toEqual([]);
  });

  it("are those that a plain search finds, for texts full of repetitions", () => {
    const few = fc.string({ unit: fc.constantFrom("a", "b", "😀"), maxLength: 60 });
    const text = fc.string({ unit: fc.constantFrom("a", "b", "😀"), maxLength: 6 });
    fc.assert(
      fc.property(few, text, (corpus, wanted) => {
        expect([...occurrences(corpus, wanted)]).toEqual(naive(corpus, wanted));
      }),
      { numRuns: 2_000 },
    );
  });
});
