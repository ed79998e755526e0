import type * as Grammar from "libpg-query";
import { Refused } from "./refusal.ts";
import { listOf, treeOf, type Tree } from "./tree.ts";

/** Characters of one statement: the parser's answer is up to sixty times as long. */
export const MAX_SQL_CHARS = 8_192;

let grammar: typeof Grammar | null = null;

/** Compiles the grammar (25 ms), once a process that guards a statement; until then nothing passes. */
export async function loadGrammar(): Promise<void> {
  if (grammar !== null) return;
  const loaded = await import("libpg-query");
  await loaded.loadModule();
  grammar = loaded;
}

/** PostgreSQL's own parser. Exactly one statement, as a wrapper. */
export function parseOne(text: string): Tree {
  if (grammar === null) throw new TypeError("loadGrammar comes first");
  if (text.length > MAX_SQL_CHARS) throw new Refused("text_too_long");
  // Where a C string ends, the parser would stop and the server go on.
  if (text.includes("\0") || !text.isWellFormed()) throw new Refused("text_malformed");
  let parsed: unknown;
  try {
    parsed = grammar.parseSync(text);
  } catch {
    throw new Refused("syntax");
  }
  const [first, second] = listOf(treeOf(parsed)["stmts"]);
  if (first === undefined) throw new Refused("syntax");
  if (second !== undefined) throw new Refused("several_statements");
  return treeOf(first["stmt"]);
}

export interface Token {
  /** Bytes of the UTF-8 text. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly tokenName: string;
  readonly keywordName: string;
}

/** As PostgreSQL's own scanner cuts it, without comments. */
export function tokensOf(text: string): readonly Token[] {
  if (grammar === null) throw new TypeError("loadGrammar comes first");
  return grammar.scanSync(text).tokens.filter(({ tokenName }) => !tokenName.endsWith("_COMMENT"));
}
