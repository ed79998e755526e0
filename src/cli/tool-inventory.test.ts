import { expect, it } from "vitest";
import type { ToolView } from "../policy/inventory.ts";
import { viewLines } from "./tool-inventory.ts";

const VIEW: ToolView = {
  ...{ tool: "titles_correct", title: "Correct a title", description: "Changes titles." },
  ...{ owner: "library", destination: "titles", action: "mutate", tier: "internal" },
  ...{ writeDomain: "loans", dataClasses: ["book.record"], labels: [], review: [] },
  ...{ state: "callable", locks: [], lastUsedAt: null, definition: "ab".repeat(32) },
  writes: {
    maxRows: 20,
    relations: [
      {
        relation: "library.books",
        key: ["id"],
        insert: [],
        update: ["title"],
        delete: true,
        also: [],
      },
      {
        relation: "library.notes",
        key: ["id"],
        insert: ["id"],
        update: [],
        delete: false,
        also: ["a.b"],
      },
    ],
  },
};

it("shows people what an agent's own statement may write, and no word of what it may not", () => {
  const lines = viewLines(VIEW).split("\n");
  const from = lines.findIndex((line) => line.startsWith("writes"));
  expect(lines.slice(from, from + 7).map((line) => line.replace(/^(?:writes)? +/, ""))).toEqual([
    "at most 20 rows a statement",
    "UPDATE library.books SET title",
    "DELETE FROM library.books",
    "rows of library.books are told apart by id",
    "INSERT INTO library.notes (id)",
    "rows of library.notes are told apart by id",
    "a write of library.notes may also write a.b",
  ]);
  expect(viewLines({ ...VIEW, writes: null })).not.toMatch(/^writes/m);
});
