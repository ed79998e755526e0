import { type Source, SOURCES } from "../core/model/command.ts";
import type { Json } from "../core/model/json.ts";
import type { ToolResult } from "../core/model/outcome.ts";
import {
  MAX_CORPUS_CHARS,
  MAX_READ_CHARS,
  MAX_SOURCE_CHARS,
  MAX_SOURCE_TEXTS,
  MIN_SOURCE_CHARS,
} from "./limits.ts";
import { isPlain, normalised, SEPARATOR, standsIn } from "./source-tokens.ts";
import { eachText } from "./source-texts.ts";

/** Where a text of the workflow came from: its human's input, or a tool that is believed, or not. */
export type CorpusSource = Exclude<Source, "unknown">;

/** What one workflow has seen, as normalised text: kept beside its session, never stored. */
export class Corpus {
  readonly #texts: Record<CorpusSource, string> = { human: "", trusted: "", untrusted: "" };
  readonly #read: Record<CorpusSource, number> = { human: 0, trusted: 0, untrusted: 0 };

  /** UTF-16 units that it keeps. */
  get size(): number {
    return Object.values(this.#texts).reduce((sum, text) => sum + text.length, 0);
  }

  /** The oldest stay: a text that no longer fits is left out whole, since half of one has a false end. */
  add({ source, text }: { readonly source: CorpusSource; readonly text: string }): void {
    if (text.length > MAX_CORPUS_CHARS || !this.#reads(source, text)) return;
    const added = normalised(text) + SEPARATOR;
    if (this.#texts[source].length + added.length <= MAX_CORPUS_CHARS) this.#texts[source] += added;
  }

  /** Every leaf and every name of a member by itself: JSON's own escapes must not stand between. */
  addValue(source: CorpusSource, value: Json): void {
    const seen = new Set<string>();
    eachText(value, undefined, (text) => {
      if (seen.has(text)) return this.#reads(source, text);
      seen.add(text);
      this.add({ source, text });
      return this.#read[source] <= MAX_READ_CHARS;
    });
  }

  /** False: what this source has said so far was work enough. */
  #reads(source: CorpusSource, text: string): boolean {
    this.#read[source] += text.length + SEPARATOR.length;
    return this.#read[source] <= MAX_READ_CHARS;
  }

  /** What an agent was given; bytes hold no text that anybody could have read. */
  addResult(source: CorpusSource, result: ToolResult): void {
    if (result.kind === "json") this.addValue(source, result.value);
    else if (result.kind === "mcp") this.addValue(source, result.content);
    else if (result.kind === "text") this.add({ source, text: result.text });
  }

  /** `text` is normalised. */
  has(source: CorpusSource, text: string): boolean {
    return standsIn(this.#texts[source], text);
  }
}

/** Who vouches for a text by having said it. */
const BELIEVED = ["human", "trusted"] as const satisfies readonly CorpusSource[];

/**
 * Who vouches for these texts, in the order of SOURCES: of each every believed source, and only where
 * there is none `untrusted` or `unknown`. So a set without these two means that somebody vouches for
 * every single text, and an attacker who repeats what a human said takes nothing away from it.
 */
export function sourcesOf(texts: readonly string[], corpus: Corpus): readonly Source[] {
  const found = new Set<Source>();
  if (texts.length > MAX_SOURCE_TEXTS) found.add("unknown");
  for (const text of texts.slice(0, MAX_SOURCE_TEXTS)) {
    const sources = placesOf(text, corpus);
    if (sources.length === 0) found.add("unknown");
    for (const source of sources) found.add(source);
  }
  return SOURCES.filter((source) => found.has(source));
}

function placesOf(text: string, corpus: Corpus): readonly CorpusSource[] {
  if (text.length > MAX_SOURCE_CHARS || !isPlain(text)) return [];
  const wanted = normalised(text);
  if (countOf(wanted) < MIN_SOURCE_CHARS) return [];
  const believed = BELIEVED.filter((source) => corpus.has(source, wanted));
  return believed.length > 0 || !corpus.has("untrusted", wanted) ? believed : ["untrusted"];
}

/** NFKC makes words of single characters: what counts is what would be compared. */
function countOf(text: string): number {
  return text.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
}
