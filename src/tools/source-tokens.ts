import { MAX_OCCURRENCES } from "./limits.ts";
import { occurrences } from "./occurrences.ts";

/**
 * Where a text stands in another one as a whole. The rule is for attackers who write the text around
 * a value: `a@b.com` must not be found in `aa@b.com`, `a@b.com.evil.org` or `"a@b.com"@evil.org`.
 * So nothing is a boundary unless it is listed here. Invisible characters (zero width, soft hyphen,
 * marks of direction) are neither listed nor taken out: they join, and differ.
 */

/** NFKC folds look-alikes of one letter, never those of two alphabets. */
export function normalised(text: string): string {
  // `\s` and `trim` take U+FEFF for a space, and an invisible joint would become a boundary.
  return lowered(text.normalize("NFKC"))
    .normalize("NFKC")
    .replace(/\p{White_Space}+/gu, " ")
    .replace(/^ | $/g, "");
}

/** A final sigma is the same letter wherever it stands. */
function lowered(text: string): string {
  return text.toLowerCase().replaceAll("ς", "σ");
}

/** Between the texts of one corpus: white space, which no normalised text has inside. */
export const SEPARATOR = "\n";

/** Ends a text on both sides. */
const BREAK = /[ \n,;]/u;
/** Opens what it stands before: quotation marks and brackets. */
const OPENING = /["“”«»„(<[]|\p{Ps}/u;
/** Of sentences and of quoting. Between two parts of one token it joins them, as in `b.com`. */
const SOFT = /[.!?:'’‘"“”«»)\]>`*{}|…。｡]|\p{Pe}|\p{Pf}|\p{Sc}/u;
/** Before a text the same, without what makes another token of it: `.com`, `-5`; with `#4711`. */
const SOFT_BEFORE = /[!?:'’‘`*{}|#]|\p{Sc}/u;
/** Characters of punctuation between a text and what decides. Longer runs are nobody's sentence. */
const MAX_RUN = 8;

/** Whether `text` stands in `corpus` somewhere, with a boundary on either side. */
export function standsIn(corpus: string, text: string): boolean {
  let tried = 0;
  for (const at of occurrences(corpus, text)) {
    if (beginsAt(corpus, at) && endsAt(corpus, at + text.length)) return true;
    if (++tried === MAX_OCCURRENCES) return false;
  }
  return false;
}

/** What separates the parts of an address, a path or a URL. */
const SYNTAX = /[^!-/:-@[-`{-~]+/g;

/**
 * Whether its syntax was there before NFKC. `corp.example／x.evil.org` is compared as if it had a
 * slash, but who resolves it without normalising reads a host of evil.org.
 */
export function isPlain(text: string): boolean {
  return text.replace(SYNTAX, "") === normalised(text).replace(SYNTAX, "");
}

function beginsAt(corpus: string, at: number): boolean {
  if (isDigit(codePointAt(corpus, at)) && isGroupBefore(corpus, at)) return false;
  let place = at;
  for (let run = 0; run <= MAX_RUN; run++) {
    const character = codePointBefore(corpus, place);
    if (character === "") return true;
    if (BREAK.test(character)) return place < at || !isDecimal(corpus, place - 1);
    if (OPENING.test(character)) return true;
    if (!SOFT_BEFORE.test(character)) return false;
    place -= character.length;
  }
  return false;
}

function endsAt(corpus: string, end: number): boolean {
  if (isDigit(codePointBefore(corpus, end)) && isGroupAfter(corpus, end)) return false;
  let place = end;
  for (let run = 0; run <= MAX_RUN; run++) {
    const character = codePointAt(corpus, place);
    if (character === "") return true;
    if (BREAK.test(character)) return place > end || !isDecimal(corpus, place);
    if (!SOFT.test(character)) return false;
    place += character.length;
  }
  return false;
}

/** The comma of `1,250`. */
function isDecimal(corpus: string, at: number): boolean {
  return (
    corpus[at] === "," &&
    isDigit(codePointBefore(corpus, at)) &&
    isDigit(codePointAt(corpus, at + 1))
  );
}

/** `250` in `1 250`: a group of three after a space is the rest of a number. */
function isGroupBefore(corpus: string, at: number): boolean {
  return corpus[at - 1] === " " && isDigit(codePointBefore(corpus, at - 1)) && isGroup(corpus, at);
}

function isGroupAfter(corpus: string, end: number): boolean {
  return corpus[end] === " " && isGroup(corpus, end + 1);
}

/** Of any script; a digit takes two units at most. */
function isGroup(corpus: string, at: number): boolean {
  return /^\p{Nd}{3}(?!\p{Nd})/u.test(corpus.slice(at, at + 8));
}

function isDigit(character: string): boolean {
  return /\p{Nd}/u.test(character);
}

function codePointAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? "" : String.fromCodePoint(code);
}

function codePointBefore(text: string, at: number): string {
  if (at === 0) return "";
  const low = text.charCodeAt(at - 1);
  const isPair = low >= 0xdc00 && low <= 0xdfff && at > 1;
  return codePointAt(text, isPair ? at - 2 : at - 1);
}
