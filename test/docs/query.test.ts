import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { MAX_SQL_CHARS } from "../../src/sql/parse.ts";
import { SQL_REFUSALS } from "../../src/sql/refusal.ts";

/** The page that whoever writes queries reads, held against the code. */
const page = readFileSync(new URL("../../docs/protocol/query.md", import.meta.url), "utf8");

it("lists every code with what to do about it, and no other", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (.+?) +\|$/gm)].map(([, code, fix]) => [
    code,
    fix,
  ]);
  expect(Object.fromEntries(rows)).toEqual(SQL_REFUSALS);
});

it("says how long a query may be", () => {
  expect(page).toContain(`${MAX_SQL_CHARS.toLocaleString("en")} characters`);
});
