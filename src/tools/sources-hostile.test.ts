import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../core/model/json.ts";
import { MAX_CORPUS_CHARS, MAX_READ_CHARS, MAX_SOURCE_TEXTS } from "./limits.ts";
import { compileSourceTexts } from "./source-texts.ts";
import { Corpus, sourcesOf } from "./sources.ts";

/** What the human entered, as JSON. */
function human(...values: readonly Json[]): Corpus {
  const corpus = new Corpus();
  for (const value of values) corpus.addValue("human", value);
  return corpus;
}

const isHuman = (value: string, ...inputs: readonly Json[]): boolean =>
  sourcesOf([value], human(...inputs)).includes("human");

describe("a value that is written in another way than its source", () => {
  it.each([
    ["an encoded at", "a%40b.com", "a@b.com"],
    ["an encoded letter", "%61@b.com", "a@b.com"],
    ["an encoded dot in a path", "https://b.com/x/%2e%2e/y", "https://b.com/x/../y"],
    ["an encoded slash", "https://b.com%2fx", "https://b.com/x"],
    ["encoded twice", "a%2540b.com", "a%40b.com"],
    ["a plus for a space", "Ann+Lee", "Ann Lee"],
    ["an HTML entity", "a&#64;b.com", "a@b.com"],
    ["a JSON escape", "a\\u0040b.com", "a@b.com"],
    ["punycode", "xn--pypal-4ve.com", "pаypal.com"],
    ["base64", "YUBiLmNvbQ==", "a@b.com"],
  ])("is another value: %s", (_, one, other) => {
    expect(isHuman(one, one)).toBe(true);
    expect(isHuman(one, other)).toBe(false);
    expect(isHuman(other, one)).toBe(false);
  });

  // Who does not normalise reads hosts and mailboxes of whoever owns the end of it.
  it.each([
    ["a fullwidth slash", "https://corp.com／x.evil.org", "https://corp.com/x.evil.org"],
    ["a fullwidth at", "ann＠corp.com", "ann@corp.com"],
    ["a fullwidth stop", "corp．com", "corp.com"],
    ["an account of", "https://corp.c℀x.evil.org", "https://corp.ca/cx.evil.org"],
    ["a one dot leader", "ann@corp․com", "ann@corp.com"],
    ["an ellipsis", "corp…com", "corp...com"],
    ["a digit with its stop", "corp⒈com", "corp1.com"],
    ["a small colon", "https﹕//corp.com", "https://corp.com"],
    ["a fullwidth percent sign", "corp.com/％2e", "corp.com/%2e"],
  ])("has its syntax only after normalisation: %s", (_, disguised, plain) => {
    expect(isHuman(plain, plain)).toBe(true);
    expect(isHuman(plain, disguised)).toBe(true);
    expect(isHuman(disguised, plain)).toBe(false);
    // Not even where it stands just so: policy cannot know what a service makes of it.
    expect(isHuman(disguised, disguised)).toBe(false);
  });

  it("may differ in letters that are the same letter", () => {
    expect(isHuman("ａｎｎ@corp.com", "ann@corp.com")).toBe(true);
    expect(isHuman("ﬁnance@corp.com", "FINANCE@corp.com")).toBe(true);
    expect(isHuman("Zoe\u0308", "ZOË")).toBe(true);
  });

  const invisible = fc.constantFrom(
    ...["\u200b", "\u200c", "\u200d", "\u2060", "\u00ad", "\ufeff", "\u061c", "\u200e", "\u200f"],
    ...["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2069", "\u034f", "\u115f"],
    ...["\u180e", "\u2800", "\u3164", "\ufe0e", "\ufe0f", "\u{e0020}", "\u{e007f}", "\u0000"],
  );
  it("differs by each invisible character, wherever it stands", () => {
    fc.assert(
      fc.property(invisible, fc.nat({ max: 12 }), (character, at) => {
        const plain = "ann@corp.com";
        const value = plain.slice(0, at) + character + plain.slice(at);
        expect(isHuman(value, plain)).toBe(false);
        expect(isHuman(plain, value)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ["Cyrillic", "аnn@corp.com"],
    ["Greek", "αnn@corp.com"],
    ["Armenian", "aոո@corp.com"],
    ["Cherokee", "Ꭺnn@corp.com"],
    ["a small capital", "ᴀnn@corp.com"],
    ["a stroke", "ann@ƈorp.com"],
    ["a dotless i in place of l", "he1p@corp.com"],
  ])("differs by a look-alike: %s", (_, value) => {
    const plain = value.includes("1") ? "help@corp.com" : "ann@corp.com";
    expect(isHuman(value, plain)).toBe(false);
    expect(isHuman(plain, value)).toBe(false);
  });
});

const letter = fc.constantFrom(..."abcxyz0189".split(""));
const part = fc.string({ unit: letter, minLength: 1, maxLength: 6 });
/** Tokens with the joints that addresses, ids and hosts have. */
const token = fc
  .tuple(part, fc.constantFrom("", "@", ".", "-", "_", "/"), part)
  .map(([a, joint, b]) => a + joint + b)
  .filter((text) => (text.match(/[a-z0-9]/g)?.length ?? 0) >= 3);

describe("a value that stands only inside of others", () => {
  it("is not found in any longer token", () => {
    const glue = fc.constantFrom(..."abc019-_@+./=%&~".split(""));
    fc.assert(
      fc.property(
        token,
        fc.array(glue, { minLength: 1, maxLength: 4 }),
        part,
        (text, glued, more) => {
          const joint = glued.join("");
          expect(isHuman(text, `${more}${joint}${text}`)).toBe(false);
          expect(isHuman(text, `see ${text}${joint}${more} there`)).toBe(false);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("is not found across two texts, two members, two results, or a name and its value", () => {
    fc.assert(
      fc.property(token, fc.nat(), (text, where) => {
        const at = 1 + (where % (text.length - 1));
        const [head, tail] = [text.slice(0, at), text.slice(at)];
        fc.pre(head !== text && tail !== text);
        const split: readonly Json[] = [
          [head, tail],
          { a: head, b: tail },
          { [head]: tail },
          [[head], [tail]],
          { deep: [{ head }, { tail }] },
        ];
        for (const value of split) expect(isHuman(text, value)).toBe(false);
        expect(isHuman(text, head, tail)).toBe(false);
        const results = new Corpus();
        for (const half of [head, tail]) {
          results.addResult("trusted", { kind: "text", contentType: "text/plain", text: half });
        }
        expect(sourcesOf([text], results)).toEqual(["unknown"]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("is found wherever it stands whole, in any place of a value", () => {
    fc.assert(
      fc.property(token, fc.json(), (text, filler) => {
        const other = JSON.parse(filler) as Json;
        for (const value of [[other, text], { other, text }, { list: [{ id: text }] }]) {
          expect(isHuman(text, value)).toBe(true);
        }
        expect(isHuman(text, { [text]: other })).toBe(true);
      }),
    );
  });

  it.each([
    ["Arabic digits after a group", "٢٥٠", "١ ٢٥٠"],
    ["Arabic digits before a group", "٢٥٠", "٢٥٠ ٠٠٠"],
    ["Devanagari digits with a comma", "२५०", "१,२५०"],
    ["digits beyond the first plane", "𞥐𞥑𞥒", "𞥓 𞥐𞥑𞥒"],
    ["mathematical digits", "250", "𝟏 𝟐𝟓𝟎"],
  ])("is no part of a number: %s", (_, value, written) => {
    expect(isHuman(value, written)).toBe(false);
    expect(isHuman(value, `${value} euros`)).toBe(true);
  });

  it("is no part of a number in JSON, and numbers are compared as they are written there", () => {
    const numbers = { total: 12_500, rate: 0.125, big: 1e21, list: [-250, 4711] };
    for (const text of ["12500", "0.125", "1e+21", "-250", "4711"]) {
      expect(isHuman(text, numbers), text).toBe(true);
    }
    for (const text of ["125", "500", "250", "1250", "12,500", "1e21", "471"]) {
      expect(isHuman(text, numbers), text).toBe(false);
    }
  });
});

describe("every text that an agent chose", () => {
  const input = {
    type: "object",
    properties: {
      to: { type: "array", items: { type: "object", properties: { mail: { type: "string" } } } },
      amount: { type: "number" },
    },
  };
  const textsOf = compileSourceTexts(["to", "amount"], input);
  const corpus = human("write to ann@corp.com and bob@corp.com about 4711");
  const sources = (args: { readonly [name: string]: Json }, name: string): readonly string[] =>
    sourcesOf(textsOf(args).get(name) ?? [], corpus);

  it("counts, however deep it stands, whatever it is, and what it is called", () => {
    const ann = { mail: "ann@corp.com" };
    expect(sources({ to: [ann, { mail: "bob@corp.com" }] }, "to")).toEqual(["human"]);
    for (const strange of [
      { mail: "evil@x.org" },
      { mail: ["evil@x.org"] },
      { mail: { "evil@x.org": "ann@corp.com" } },
      { mail: "ann@corp.com", bcc: "bob@corp.com" },
      { mail: "ann@corp.com", "evil@x.org": true },
      [["evil@x.org"]],
      "evil@x.org",
    ]) {
      expect(sources({ to: [ann, strange] }, "to"), JSON.stringify(strange)).toContain("unknown");
    }
    expect(sources({ amount: 4711 }, "amount")).toEqual(["human"]);
    expect(sources({ amount: 4712 }, "amount")).toEqual(["unknown"]);
    expect(sources({ amount: true }, "amount")).toEqual(["unknown"]);
    expect(sources({}, "amount")).toEqual([]);
  });

  it("counts behind the cap as unknown, so that nothing hides there", () => {
    const many = Array.from({ length: MAX_SOURCE_TEXTS }, (_, at) => `name${at}`);
    const known = human(many.join(" "), "late@corp.com");
    expect(sourcesOf(many, known)).toEqual(["human"]);
    expect(sourcesOf([...many, "late@corp.com"], known)).toEqual(["human", "unknown"]);
  });
});

describe("a flood", () => {
  /** Each takes minutes with a search that starts over at every place. */
  it.each([
    [
      "one letter, and almost only it",
      "x",
      (n: number) => `${"x".repeat(500)}a${"x".repeat(500 - n)}`,
    ],
    ["one letter", "x", (n: number) => "x".repeat(1_000 - n)],
    ["a pair", "xy", (n: number) => "xy".repeat(500 - n)],
    ["what stands everywhere and nowhere alone", "x", (n: number) => "x".repeat(3 + n)],
  ])("of %s does not hold up the gateway", (_, unit, textOf) => {
    const corpus = new Corpus();
    for (const source of ["human", "trusted", "untrusted"] as const) {
      for (let at = 0; at < 4; at++) {
        corpus.add({ source, text: unit.repeat(MAX_CORPUS_CHARS / 5 / unit.length) });
      }
    }
    const texts = Array.from({ length: MAX_SOURCE_TEXTS }, (_, n) => textOf(n));
    expect(sourcesOf(texts, corpus)).toEqual(["unknown"]);
  });

  it("of small texts is read up to a point, and what came first stays known", () => {
    const corpus = new Corpus();
    corpus.addValue("trusted", ["first@corp.com"]);
    let read = 0;
    const flood = new Proxy([] as Json[], {
      get(target, key) {
        if (key === "length") return 100_000_000;
        if (typeof key === "string" && /^\d+$/.test(key)) {
          read++;
          return "again";
        }
        return Reflect.get(target, key) as unknown;
      },
      has: () => true,
    });
    corpus.addValue("trusted", flood);
    expect(read).toBeLessThan(MAX_READ_CHARS);
    corpus.addValue("trusted", ["last@corp.com"]);
    expect(sourcesOf(["first@corp.com"], corpus)).toEqual(["trusted"]);
    expect(sourcesOf(["last@corp.com"], corpus)).toEqual(["unknown"]);
    expect(corpus.size).toBeLessThan(100);
  });
});
