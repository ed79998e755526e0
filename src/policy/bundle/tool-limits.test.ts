import { describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import { goodBundle, spoilt } from "./testing.ts";

const OVER_HTTP = "tools/tables_reserve.jsonc";
const ROWS = "tools/books_find.jsonc";
const CAP = /"maxResultBytes": (\d+),/;

describe("how much of an answer a tool takes", () => {
  it("is at least what it may return, and its paging names arguments", async () => {
    const files = await goodBundle();
    const cap = Number(CAP.exec(files[OVER_HTTP] ?? "")?.[1]);
    const checked = checkBundle({
      ...files,
      [OVER_HTTP]: (files[OVER_HTTP] ?? "").replace("{", `{ "maxAnswerBytes": ${cap},`),
      [ROWS]: (files[ROWS] ?? "").replace("{", '{ "paging": ["year"],'),
    });
    const tools = checked.ok ? checked.bundle.tools : [];
    const of = (id: string) => tools.find(({ tool }) => tool.id === id);
    expect(of("tables_reserve")).toMatchObject({ maxAnswerBytes: cap, paging: [] });
    expect(of("books_find")).toMatchObject({ maxAnswerBytes: null, paging: ["year"] });
    const less = spoilt(files, OVER_HTTP, "{", `{ "maxAnswerBytes": ${cap - 1},`);
    expect(less.map(({ code }) => code)).toEqual(["out_of_range"]);
  });

  it.each([
    ['"maxAnswerBytes": 8388609', ROWS, ["out_of_range"]],
    ['"maxAnswerBytes": 65536', ROWS, ["annotation_misplaced"]],
    ['"paging": ["yaer"]', ROWS, ["argument_unknown"]],
  ])("refuses %s", async (member, path, codes) => {
    const mistakes = spoilt(await goodBundle(), path, "{", `{ ${member},`);
    expect(mistakes.map(({ code }) => code)).toEqual(codes);
  });
});
