import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_CORPUS_CHARS, MAX_SOURCE_CHARS, MAX_SOURCE_TEXTS } from "./limits.ts";
import { Corpus, type CorpusSource, sourcesOf } from "./sources.ts";
import { isPlain, normalised } from "./source-tokens.ts";
import { anyText } from "../core/model/testing-text.ts";

function corpusOf(texts: { readonly [source in CorpusSource]?: string }): Corpus {
  const corpus = new Corpus();
  for (const [source, text] of Object.entries(texts)) {
    corpus.add({ source: source as CorpusSource, text });
  }
  return corpus;
}

/** Whether a human who entered `written` is where `value` comes from. */
const isHuman = (value: string, written: string): boolean =>
  sourcesOf([value], corpusOf({ human: written })).includes("human");

describe("where a text comes from", () => {
  it.each([
    ["a@b.com", "a@b.com"],
    ["a@b.com", "Write to a@b.com."],
    ["a@b.com", "Write to a@b.com, please"],
    ["a@b.com", "Is it a@b.com?"],
    ["a@b.com", "(a@b.com)"],
    ["a@b.com", "Ann <a@b.com>"],
    ["a@b.com", "Ann<a@b.com>; Bob <x@y.com>"],
    ["a@b.com", 'the "a@b.com".'],
    ["a@b.com", "'a@b.com'"],
    ["a@b.com", "“a@b.com”, „a@b.com“ and «a@b.com»"],
    ["a@b.com", "`a@b.com` and *a@b.com*"],
    ["a@b.com", "x@y.com,a@b.com,z@y.com"],
    ["a@b.com", "x@y.com\na@b.com\r\nz@y.com"],
    ["a@b.com", "A@B.COM"],
    ["A@B.com", "ａ＠ｂ．ｃｏｍ"],
    ["a@b.com", '{"to":"a@b.com"}'],
    ["a@b.com", "aa@b.com, or rather a@b.com"],
    ["inv-2024-0007", "Refund inv-2024-0007!"],
    ["4711", "ticket #4711"],
    ["250", "refund $250."],
    ["250", "refund 250€"],
    ["250", "refund 250, not more"],
    ["12.5", "refund 12.5 today"],
    ["Ann  Lee", "for Ann\u00a0\n Lee"],
    ["ΟΔΟΣ", "στην οδοσ"],
    ["王小明", "王小明"],
    ["علی\u200cرضا", "for علی\u200cرضا"],
    ["😀 fine", "all 😀 fine here"],
  ])("finds %j in %j", (value, written) => {
    expect(isHuman(value, written)).toBe(true);
  });

  it.each([
    ["longer before", "a@b.com", "aa@b.com"],
    ["longer before, with a dot", "a@b.com", "x.a@b.com"],
    ["longer before, with a hyphen", "a@b.com", "not-a@b.com"],
    ["a tag before", "a@b.com", "x+a@b.com"],
    ["an apostrophe before", "brien@b.com", "o'brien@b.com"],
    ["a typographic apostrophe before", "brien@b.com", "o’brien@b.com"],
    ["an acute before", "brien@b.com", "o´brien@b.com"],
    ["a bang path before", "a@b.com", "evil.org!a@b.com"],
    ["any atom before", "a@b.com", "x=a@b.com x/a@b.com x&a@b.com x^a@b.com x~a@b.com"],
    ["a longer domain", "a@b.com", "a@b.com.evil.org"],
    ["a longer domain after two dots", "a@b.com", "a@b.com..evil.org"],
    ["a longer label", "a@b.com", "a@b.com-evil.org"],
    ["a longer top level", "a@b.co", "a@b.com"],
    ["a second at", "a@b.com", "a@b.com@evil.org"],
    ["a quoted local part", "a@b.com", '"a@b.com"@evil.org'],
    ["a bracketed local part", "a@b.com", "<a@b.com>@evil.org"],
    ["a possessive", "a@b.com", "a@b.com's"],
    ["an ideographic stop", "a@b.com", "a@b.com。evil.org"],
    ["a halfwidth stop", "a@b.com", "a@b.com｡evil.org"],
    ["a fullwidth stop", "a@b.com", "a@b.com．evil.org"],
    ["a one dot leader", "a@b.com", "a@b.com․evil.org"],
    ["a zero width space", "a@b.com", "a@b.com\u200b.evil.org"],
    ["a zero width space after the stop", "a@b.com", "a@b.com.\u200bevil.org"],
    ["a zero width joiner", "a@b.com", "x\u200da@b.com"],
    ["a soft hyphen", "a@b.com", "a@b.com\u00ad.evil.org"],
    ["a byte order mark", "a@b.com", "a@b.com\ufeff.evil.org"],
    ["a word joiner", "a@b.com", "a@b.com\u2060.evil.org"],
    ["a mark of direction", "a@b.com", "a@b.com\u200f.evil.org"],
    ["an override of direction", "a@b.com", "\u202ea@b.com"],
    ["a variation selector", "a@b.com", "a@b.com\ufe0f"],
    ["a Hangul filler", "a@b.com", "a@b.com\u3164evil"],
    ["a combining mark", "a@b.com", "a@b.com\u0338"],
    ["a tag character", "a@b.com", "a@b.com\u{e0041}"],
    ["a control character", "a@b.com", "a@b.com\u0000evil"],
    ["a symbol", "a@b.com", "a@b.com→evil"],
    ["a dash", "4711", "4711–4720"],
    ["a hyphen that is none in ASCII", "4711", "4711‐A"],
    ["a share of an id", "2024", "inv-2024-0007"],
    ["a share of a path", "good.com", "evil.org/good.com"],
    ["a share of a URL", "https://good.com", "https://good.com@evil.org"],
    ["a share of a URL with a backslash", "https://good.com", "https://good.com\\@evil.org"],
    ["a share of a URL with a port", "good.com", "good.com:8080"],
    ["decimals", "250", "250.50"],
    ["decimals with a comma", "250", "250,50"],
    ["thousands before", "250", "1,250"],
    ["thousands after", "250", "250,000"],
    ["thousands before, with a space", "250", "1 250"],
    ["thousands before, with a narrow space", "250.50", "1\u202f250.50"],
    ["thousands after, with a space", "250", "250\u00a0000 EUR"],
    ["thousands with an apostrophe", "250", "1'250"],
    ["a sign", "250", "-250"],
    ["a minus that is none in ASCII", "250", "−250"],
    ["a loss in dollars", "250", "-$250"],
    ["an exponent", "250", "250e3"],
    ["a percentage", "250", "250%"],
    ["Cyrillic for Latin", "paypal@b.com", "pаypal@b.com"],
    ["Latin for Cyrillic", "рау", "pay"],
    ["a dotless i", "mail@b.com", "maıl@b.com"],
    ["a sharp s", "strasse.de", "straße.de"],
  ])("is not fooled by %s", (_, value, written) => {
    expect(sourcesOf([value], corpusOf({ human: written }))).toEqual(["unknown"]);
  });

  it.each([
    ["a zero width space", "a@b\u200b.com"],
    ["a soft hyphen", "a@b\u00ad.com"],
    ["a mark of direction at its end", "a@b.com\u200e"],
    ["a byte order mark at its end", "a@b.com\ufeff"],
    ["a homoglyph", "а@b.com"],
  ])("does not take a value with %s for the one without", (_, value) => {
    expect(isHuman(value, "a@b.com")).toBe(false);
    expect(isHuman("a@b.com", value)).toBe(false);
    expect(isHuman(value, value)).toBe(true);
  });

  it("finds nothing across two texts, or in JSON's own escapes", () => {
    const corpus = new Corpus();
    corpus.add({ source: "human", text: "Ann" });
    corpus.add({ source: "human", text: "Lee" });
    expect(sourcesOf(["Ann Lee"], corpus)).toEqual(["unknown"]);
    expect(sourcesOf(["Ann\nLee"], corpus)).toEqual(["unknown"]);
    corpus.addValue("trusted", { rows: [{ mail: 'x\n"a@b.com"', id: 4711 }], "key-one": true });
    expect(sourcesOf(["a@b.com"], corpus)).toEqual(["trusted"]);
    expect(sourcesOf(["4711", "key-one"], corpus)).toEqual(["trusted"]);
  });

  it("learns from results what an agent could read there", () => {
    const corpus = new Corpus();
    corpus.addResult("trusted", { kind: "json", value: { rows: [{ mail: "json@b.com" }] } });
    corpus.addResult("untrusted", { kind: "text", contentType: "text/plain", text: "text@b.com." });
    const content = [{ type: "text", text: "Write to mcp@b.com!" }];
    corpus.addResult("untrusted", { kind: "mcp", content });
    corpus.addResult("trusted", { kind: "binary", contentType: "x/y", base64: "binary" });
    expect(sourcesOf(["json@b.com"], corpus)).toEqual(["trusted"]);
    expect(sourcesOf(["text@b.com", "mcp@b.com"], corpus)).toEqual(["untrusted"]);
    expect(sourcesOf(["binary"], corpus)).toEqual(["unknown"]);
  });

  it("tells who vouches for one text, and for several", () => {
    const corpus = corpusOf({
      human: "a@b.com",
      trusted: "c@d.com and a@b.com",
      untrusted: "write to e@f.com, a@b.com",
    });
    expect(sourcesOf(["c@d.com"], corpus)).toEqual(["trusted"]);
    expect(sourcesOf(["e@f.com"], corpus)).toEqual(["untrusted"]);
    expect(sourcesOf(["a@b.com"], corpus)).toEqual(["human", "trusted"]);
    expect(sourcesOf(["e@f.com", "c@d.com"], corpus)).toEqual(["trusted", "untrusted"]);
    expect(sourcesOf(["c@d.com", "x@y.com"], corpus)).toEqual(["trusted", "unknown"]);
    expect(sourcesOf([], corpus)).toEqual([]);
  });

  it("takes nothing from what a human said because an outsider repeats it", () => {
    const corpus = corpusOf({ human: "a@b.com", untrusted: "a@b.com and e@f.com" });
    expect(sourcesOf(["a@b.com"], corpus)).toEqual(["human"]);
    // The other way round a set must not hide that one of its texts has no better source.
    expect(sourcesOf(["a@b.com", "e@f.com"], corpus)).toEqual(["human", "untrusted"]);
    expect(sourcesOf(["a@b.com", "x@y.com"], corpus)).toEqual(["human", "unknown"]);
  });

  it.each(["", " ", "ab", "a b", "...", "@@@@", "1.5", "\u200b\u200b\u200b", "42"])(
    "does not look up %j: that stands anywhere",
    (text) => {
      expect(sourcesOf([text], corpusOf({ human: ` ${text} ` }))).toEqual(["unknown"]);
    },
  );

  it("does not look up what is too long, or more texts than anybody writes to", () => {
    const fits = "x".repeat(MAX_SOURCE_CHARS);
    expect(isHuman(fits, fits)).toBe(true);
    expect(isHuman(`${fits}x`, `${fits}x`)).toBe(false);
    const texts = Array.from({ length: MAX_SOURCE_TEXTS + 1 }, (_, at) => `name${at}`);
    const corpus = corpusOf({ human: texts.join(" ") });
    expect(sourcesOf(texts.slice(1), corpus)).toEqual(["human"]);
    expect(sourcesOf(texts, corpus)).toEqual(["human", "unknown"]);
  });

  it("keeps the oldest when it is full, and no half of a text", () => {
    const corpus = corpusOf({ human: "first@b.com" });
    corpus.add({ source: "human", text: `a@b.com ${"x".repeat(MAX_CORPUS_CHARS)}` });
    expect(sourcesOf(["a@b.com"], corpus)).toEqual(["unknown"]);
    corpus.add({ source: "human", text: "y".repeat(MAX_CORPUS_CHARS - 40) });
    corpus.add({ source: "human", text: `a@b.com ${"z".repeat(40)}` });
    expect(sourcesOf(["first@b.com"], corpus)).toEqual(["human"]);
    expect(sourcesOf(["a@b.com"], corpus)).toEqual(["unknown"]);
  });

  it("lets no flood of one source crowd out another", () => {
    const corpus = new Corpus();
    for (let at = 0; at < 40; at++) {
      corpus.add({ source: "untrusted", text: `${at} `.repeat(MAX_CORPUS_CHARS / 16) });
    }
    corpus.add({ source: "trusted", text: "late@b.com" });
    expect(sourcesOf(["late@b.com"], corpus)).toEqual(["trusted"]);
  });

  it("counts what normalisation makes longer against the same limit", () => {
    const corpus = new Corpus();
    corpus.add({ source: "human", text: `abc ${"\ufdfa".repeat(MAX_CORPUS_CHARS / 4)}` });
    expect(sourcesOf(["abc"], corpus)).toEqual(["unknown"]);
  });
});

const joint = fc.constantFrom(
  ..."abc019.-_@+'/=#%&~^:\\".split(""),
  "\u200b",
  "\u00ad",
  "\u200e",
  "\ufeff",
  "а",
  "é",
  "😀",
);

describe("where a text comes from, for any text", () => {
  it("is the human, when it stands there by itself", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 3, maxLength: 40 }), (text) => {
        fc.pre((normalised(text).match(/[\p{L}\p{N}]/gu)?.length ?? 0) >= 3 && isPlain(text));
        expect(isHuman(text, text)).toBe(true);
      }),
    );
  });

  it("is not the human, when something else is joined to it on either side", () => {
    fc.assert(
      fc.property(
        fc.array(joint, { minLength: 1, maxLength: 4 }).map((all) => all.join("")),
        fc.boolean(),
        (joined, before) => {
          const letter = `${joined}z`;
          const written = before ? `z${joined}value@b.com` : `value@b.com${letter}`;
          expect(isHuman("value@b.com", written)).toBe(false);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("is normalised once and for all", () => {
    fc.assert(
      fc.property(anyText(60), (text) => {
        const once = normalised(text);
        expect(normalised(once)).toBe(once);
        expect(once).not.toMatch(/\n/);
      }),
      { numRuns: 2_000 },
    );
  });
});
