import { describe, expect, it } from "vitest";
import { libraryDifferences } from "./library.ts";
import { rowOf, type Hit, type Row } from "./row.ts";

const hit = (id: string, score: number, snippet: string | null = "…"): Hit => ({
  ...{ id, title: id, score, snippet },
});
const found = (snippet: string | null = "…"): readonly Hit[] => [
  hit("acme-handbook/refunds#who-may-refund-how-much", 5, snippet),
  ...[4, 3, 2, 1].map((score) => hit(`page#${score}`, score, snippet)),
];

function row(title: string, tool: string, hits: readonly Hit[]): Row {
  const withheld = hits.flatMap(({ snippet }, at) =>
    snippet === null
      ? [{ path: `/rows/${at}/snippet`, dataClass: "document.snippet", ruleIds: ["default:data"] }]
      : [],
  );
  const outcome = withheld.length > 0 ? "partial_result" : "ok";
  const of = withheld.length > 0 ? { redactions: withheld } : {};
  return rowOf({
    ...{ title, tool, ms: 1, result: { rows: hits } },
    outcome: { outcome, call: "call_1", ...of },
  });
}

const good: readonly Row[] = [
  row("dana: search who may refund", "documents_search", found()),
  row("dana: search salaries", "documents_search", found()),
  row("dana: find similar pages", "documents_similar", found()),
  row("olga: find similar pages", "documents_similar", found(null)),
];
const withRow = (at: number, hits: readonly Hit[]): readonly Row[] =>
  good.map((one, index) => (index === at ? row(one.title, one.tool, hits) : one));

describe("the assertions about the library", () => {
  it("are content with what must be found, with vectors and without", () => {
    expect(libraryDifferences(good, true)).toEqual([]);
    expect(libraryDifferences(good.slice(0, 2), false)).toEqual([]);
  });

  it.each([
    [
      "a page about employees",
      withRow(1, [hit("acme-handbook/salaries#bands", 9), ...found().slice(0, 4)]),
      ["dana: search salaries: the agent was given acme-handbook/salaries#bands"],
    ],
    [
      "a page of another tenant",
      withRow(1, [hit("globex-handbook/refunds#who", 9), ...found().slice(0, 4)]),
      ["dana: search salaries: the agent was given globex-handbook/refunds#who"],
    ],
    [
      "an answer that was not found",
      withRow(2, [...found().slice(1), hit("page#0", 0)]),
      [
        "dana: find similar pages: acme-handbook/refunds#who-may-refund-how-much is not among the hits",
      ],
    ],
    [
      "too few hits",
      withRow(0, found().slice(0, 4)),
      ["dana: search who may refund: 4 hits, not 5"],
    ],
    [
      "a wrong order",
      withRow(0, found().toReversed()),
      ["dana: search who may refund: the best hit does not come first"],
    ],
    [
      "nothing at all about vectors",
      good.slice(0, 2),
      ["did not happen: dana: find similar pages; olga: find similar pages"],
    ],
  ])("notice %s", (_, rows, said) => {
    expect(libraryDifferences(rows, true)).toEqual(said);
  });

  it("notice excerpts that operations may not see", () => {
    const [, , , seen] = withRow(3, found());
    expect(libraryDifferences([...good.slice(0, 3), seen!], true)).toContain(
      "olga: find similar pages: outcome is ok, not partial_result",
    );
  });
});
