import { hashedNgrams } from "../../../src/sdk/index.ts";
import type { Page } from "./page.ts";

/** As in `vectors.sql`, and as the connector's file says for the questions. */
export const DIMENSIONS = 512;

export interface VectorRow extends Page {
  readonly embedding: readonly number[];
}

/** What a page is about stands in its title, so the title counts twice. */
export function rowOf(page: Page): VectorRow {
  const { title, text } = page;
  return { ...page, embedding: hashedNgrams(`${title}\n${title}\n${text}`, DIMENSIONS) };
}
