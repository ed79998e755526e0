import { beforeAll, describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import type { Mistake } from "./mistake.ts";
import type { BundleFiles } from "./model.ts";
import { goodBundle, spoilt } from "./testing.ts";

let good: BundleFiles;
beforeAll(async () => {
  good = await goodBundle();
});

const spoil = (path: string, from: string | null, to: string): readonly Mistake[] =>
  spoilt(good, path, from, to);

describe("tests.yaml", () => {
  const failure = (from: string, to: string): string | undefined =>
    spoil("policies/tests.yaml", from, to).find((one) => one.code === "test_failed")?.message;

  it("fails when the decision differs", () => {
    expect(failure("days: 30", "days: 31")).toBe(
      '"a librarian lends": expected allow, got deny by action (no-long-loans)',
    );
    expect(failure("days: 60", "days: 29")).toBe(
      '"not for two months": expected deny, got allow, redacting nothing ' +
        "(reach-reading-room, librarian-lends, books-are-public, spend)",
    );
  });

  it("fails when another class or rule decides", () => {
    expect(failure("class: action\n    rules: [no-long-loans]", "class: network")).toBe(
      '"not for two months": expected a denial by network, got deny by action (no-long-loans)',
    );
    expect(failure("[no-long-loans]", "[no-long-loans, spend]")).toBe(
      '"not for two months": spend did not decide, got deny by action (no-long-loans)',
    );
  });

  it("fails when other classes are redacted", () => {
    expect(failure("[book.restricted, reader.name]", "[reader.name]")).toBe(
      '"readers are not disclosed": expected to redact reader.name, got allow, redacting ' +
        "book.restricted, reader.name (reach-reading-room, anyone-reads, books-are-public, " +
        "default:data, readers-stay-private, spend)",
    );
  });

  it("denies a query that names a class which is not disclosed, as production would", () => {
    const asking = (columns: string): string =>
      `${good["policies/tests.yaml"] ?? ""}
  - name: a question
    agent: librarian
    tool: titles_ask
    arguments: { relations: [library.books], columns: [${columns}] }
    expect: allow
    redacts: [reader.name]
`;
    const messages = (columns: string): readonly string[] =>
      spoil("policies/tests.yaml", null, asking(columns)).map(({ message }) => message);
    expect(messages("library.books.title")).toEqual([]);
    expect(messages("library.books.title, library.books.reader")).toEqual([
      '"a question": expected allow, got deny by data (readers-stay-private)',
    ]);
    expect(messages("library.books.pages")).toEqual([
      '"a question": expected allow, got deny by data (default:data)',
    ]);
  });

  it("counts a tool that trust gives to nobody as denied, as production would", () => {
    const trusted =
      good["trust.jsonc"]?.replace('"tools": ["*"]', '"tools": ["books_find", "shelves_change"]') ??
      "";
    expect(
      spoil("trust.jsonc", null, trusted).map((one) => `${one.line} ${one.code} ${one.message}`),
    ).toEqual(['11 test_failed "a librarian lends": expected allow, got deny (core:seat)']);
  });

  it("shows policies only the arguments a tool declares, as production would", () => {
    const undeclared = good["tools/loans_create.jsonc"]?.replace(
      '["days", "express"]',
      '["express"]',
    );
    const codes = spoil("tools/loans_create.jsonc", null, undeclared ?? "").map((one) => one.code);
    expect(codes).toEqual(["cedar_warning"]);
  });

  it("checks argument values of an enum for typos", () => {
    const path = "tools/loans_create.jsonc";
    const enumerated = good[path]
      ?.replace('"pattern": "^rdr_[0-9]{4}$"', '"enum": ["gold", "silver"]')
      .replace('"policyArguments": ["days", "express"]', '"policyArguments": ["days", "reader"]');
    const tests = good["policies/tests.yaml"]?.replace(
      "{ days: 60 }",
      "{ days: 60, reader: sliver }",
    );
    const result = checkBundle({
      ...good,
      [path]: enumerated ?? "",
      "policies/tests.yaml": tests ?? "",
    });
    expect(result.ok ? [] : result.mistakes.map((one) => [one.code, one.suggestion])).toEqual([
      ["wrong_value", "silver"],
    ]);
  });
});
