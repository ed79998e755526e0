import { describe, expect, it } from "vitest";
import { textStatement, vectorStatement, type PageTable } from "./search-statement.ts";

const table: PageTable = {
  relation: { schema: "acme", name: "pages" },
  columns: {
    id: "page",
    title: "heading",
    text: "body",
    class: "data_class",
    tenant: "customer",
    index: "idx",
  },
};

describe("the statement of a search", () => {
  it("by vectors is this text: connectors know it by its digest", () => {
    expect(vectorStatement(table)).toBe(
      'select "page"::text as id, "heading"::text as title, left("body"::text, 500) as snippet, ' +
        '1 - ("idx" <=> $1) as score, "data_class"::text as class from "acme"."pages" ' +
        'where "customer"::text = $2 and "data_class"::text = any ($3::text[]) ' +
        'and "idx" is not null order by "idx" <=> $1 limit $4',
    );
  });

  it("by words is this text", () => {
    expect(textStatement(table, "english")).toBe(
      "select id, title, left(ts_headline('english'::regconfig, text, " +
        "websearch_to_tsquery('english'::regconfig, $1), " +
        `'MaxFragments=1, MinWords=15, MaxWords=60, StartSel="", StopSel=""'), 500) as snippet, ` +
        'score, class from (select "page"::text as id, "heading"::text as title, "body"::text as text, ' +
        `ts_rank_cd("idx", websearch_to_tsquery('english'::regconfig, $1))::float8 as score, ` +
        '"data_class"::text as class from "acme"."pages" where "customer"::text = $2 ' +
        'and "data_class"::text = any ($3::text[]) ' +
        `and "idx" @@ websearch_to_tsquery('english'::regconfig, $1) ` +
        "order by score desc, id limit $4) as hit order by score desc, id",
    );
  });
});
