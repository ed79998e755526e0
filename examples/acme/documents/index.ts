import { DatabaseSync } from "node:sqlite";
import type { Page } from "./page.ts";

export interface Question {
  readonly query: string;
  readonly topK: number;
  readonly filter: { readonly tenant: string; readonly classes: readonly string[] };
}

export interface Hit {
  readonly id: string;
  readonly title: string;
  readonly snippet: string;
  readonly score: number;
  readonly class: string;
}

/** A word in the title says more than one in the text. */
const TITLE_WEIGHT = 4;
const SNIPPET_TOKENS = 32;

/** The whole library in memory: it is read again at every start. */
export class PageIndex {
  readonly #db = new DatabaseSync(":memory:");

  constructor(pages: readonly Page[]) {
    this.#db.exec(`
      create virtual table page using fts5(
        title, text, id unindexed, tenant unindexed, class unindexed, tokenize = 'porter unicode61'
      );
      begin`);
    const insert = this.#db.prepare(
      "insert into page (title, text, id, tenant, class) values (?, ?, ?, ?, ?)",
    );
    for (const page of pages) {
      insert.run(page.title, page.text, page.id, page.tenant, page.class);
    }
    this.#db.exec("commit");
  }

  /** The filter is part of the query: what it leaves out is neither ranked nor counted. */
  search({ query, topK, filter }: Question): readonly Hit[] {
    const match = expressionOf(query);
    if (match === null) return [];
    return this.#db
      .prepare(
        `select id, title, snippet(page, 1, '', '', '…', ${SNIPPET_TOKENS}) as snippet,
                -bm25(page, ${TITLE_WEIGHT}, 1) as score, class
         from page
         where page match ? and tenant = ? and class in (select value from json_each(?))
         order by score desc, id limit ?`,
      )
      .all(match, filter.tenant, JSON.stringify(filter.classes), topK) as unknown as Hit[];
  }

  close(): void {
    this.#db.close();
  }
}

/** Any of the words, each in quotes: what is asked is never an operator of the query language. */
function expressionOf(query: string): string | null {
  const words = [...query.matchAll(/[\p{L}\p{N}]+/gu)].map(([word]) => `"${word}"`);
  return words.length === 0 ? null : words.join(" OR ");
}
