import { beforeAll, describe, expect, it } from "vitest";
import { guardQuery } from "./guard.ts";
import { loadGrammar } from "./parse.ts";
import { refusalOfSealed } from "./sealed.ts";
import { SHOP } from "./testing-catalogue.ts";

const MIN = 5;
beforeAll(loadGrammar);

const READABLE = new Map(
  [...SHOP.relations].map(([id, { columns }]) => [id, new Set(columns.keys())]),
);
const summarize = (text: string, parameters = 0) =>
  guardQuery(text, SHOP, { parameters, minGroup: MIN });

function sealed(text: string, parameters = 0): string {
  const result = summarize(text, parameters);
  if (!result.ok) throw new Error(`${result.code}: ${text}`);
  const statement = result.render(() => true);
  expect(refusalOfSealed(statement, READABLE, MIN)).toBeNull();
  return statement;
}

describe("a summary", () => {
  it.each([
    ['select count(*) from "order"', "having count(*) >= 5"],
    ['select count(*) from "order";', "having count(*) >= 5 ;"],
    ['select count(*) from "order" -- all', "having count(*) >= 5  -- all"],
    ['select status, sum(cents) from "order" group by status', 'having count("cents") >= 5'],
    [
      'select status, sum(cents), avg(margin) from "order" group by 1 order by 2 desc limit 3',
      'having count("cents") >= 5 and count("margin") >= 5 order by 2 desc limit 3',
    ],
    [
      'select status from "order" o group by status having avg(o.cents) > 10 or count(*) > 2 order by 1',
      'having ( avg(o.cents) > 10 or count(*) > 2) and count("o"."cents") >= 5 order by 1',
    ],
    [
      'select status as having, count(*) from "order" group by status offset 1',
      "having count(*) >= 5 offset 1",
    ],
    [
      `select date_trunc('month', placed_on) as m, round(avg(cents), 2), count(distinct customer_id) from "order" group by m`,
      'having count("cents") >= 5 and count("customer_id") >= 5',
    ],
  ])("%s gets its conditions", (text, conditions) => {
    expect(sealed(text).replaceAll(/\s+/g, " ").trim()).toContain(
      conditions.replaceAll(/\s+/g, " "),
    );
  });

  it.each([
    'select count(*) from "order" having count(*) >= 5',
    'select count(*) from "order" having (count(*) >= 9) and true',
    'select sum(cents) from "order" having count(cents) >= 5 and sum(cents) > 4',
  ])("%s has them already", (text) => {
    expect(sealed(text).match(/>= /g)).toHaveLength(1);
  });

  it.each([
    'select sum(cents) from "order" having count(*) >= 5',
    'select count(*) from "order" having count(*) >= 4',
    'select count(*) from "order" having count(*) >= 5 or true',
    'select count(*) from "order" having not count(*) >= 5',
    'select count(*) from "order" having count(distinct status) >= 5',
    'select count(*) from "order" having count(*) >= 5::int',
  ])("%s does not count as having them", (text) => {
    expect(sealed(text)).toMatch(/\) and count\(/);
  });

  it("filters with plain values", () => {
    sealed(
      `select count(*) from "order" where status in ('open', 'paid') and placed_on >= date '2026-01-01'
       and (customer_id = $1 or not cents between -1 and 500) and margin is not null
       and placed_on < current_date and status = any ($2)`,
      2,
    );
  });

  it.each([
    ["summary_shape", 'select distinct status from "order"'],
    ["summary_shape", 'select status from "order" union select status from "order"'],
    ["summary_shape", 'with t as (select * from "order") select count(*) from t'],
    ["summary_shape", 'select count(*) from "order", shop.customer'],
    ["summary_shape", 'select sum(cents) from "order" o join other.customer c on true'],
    ["summary_shape", 'select sum(x.v) from (select cents * 1 as v from "order") x'],
    ["summary_shape", "select 1"],
    ["summary_shape", "values (1)"],
    ["summary_shape", 'select count(*) from "order" limit (select 1)'],
    ["summary_shape", 'select sum(cents) over () from "order" window w as ()'],
    ["summary_value", 'select cents + 1 from "order" group by cents'],
    ["summary_value", 'select min(cents) from "order"'],
    ["summary_value", 'select max(cents) from "order"'],
    ["summary_value", 'select array_agg(cents) from "order"'],
    ["summary_value", `select string_agg(status, ',') from "order"`],
    ["summary_value", 'select json_agg(cents) from "order"'],
    ["summary_value", 'select mode() within group (order by cents) from "order"'],
    ["summary_value", 'select percentile_disc(0) within group (order by cents) from "order"'],
    ["summary_value", 'select bool_and(cents > 5) from "order"'],
    ["summary_value", 'select sum(case when id = 7 then cents else 0 end) from "order"'],
    ["summary_value", 'select sum(cents) filter (where id = 7) from "order"'],
    ["summary_value", 'select sum(cents * (id = 7)::int) from "order"'],
    ["summary_value", 'select sum(distinct cents) from "order"'],
    ["summary_value", 'select sum(cents) over (partition by id) from "order"'],
    ["summary_value", 'select sum(sum(cents)) over () from "order"'],
    ["summary_value", 'select 1 / (sum(cents) - 5000) from "order"'],
    ["summary_value", 'select (select cents from "order" limit 1) from "order"'],
    ["summary_value", 'select count(*) from "order" order by min(cents)'],
    ["summary_filter", 'select count(*) from "order" where 1 / (cents - 5000) > 0'],
    ["summary_filter", "select count(*) from \"order\" where status like 'o%\\'"],
    ["summary_filter", "select count(*) from \"order\" where status ~ '('"],
    ["summary_filter", 'select count(*) from "order" where status::int = 1'],
    ["summary_filter", `select count(*) from "order" where note ->> 'k' = '1'`],
    ["summary_filter", 'select count(*) from "order" where id in (select id from "order")'],
    ["summary_filter", 'select count(*) from "order" having 1 / (sum(cents) - 5000) > 0'],
    ["summary_filter", 'select count(*) from "order" having min(cents) > 5'],
    [
      "summary_filter",
      `select count(*) from "order" where placed_on > current_date - interval '9 y'`,
    ],
    ["summary_group", 'select count(*) from "order" group by rollup (status)'],
    ["summary_group", 'select count(*) from "order" group by cents / 0'],
    ["summary_group", `select count(*) from "order" group by date_trunc('no', placed_on)`],
    ["summary_group", `select count(*) from "order" group by extract(hour from placed_on)`],
    ["whole_row", 'select count(o) from "order" o'],
    ["column_unknown", 'select sum(hidden) from "order"'],
    ["relation_unknown", "select count(*) from pg_class"],
    ["write_in_query", 'with x as (delete from "order" returning id) select count(*) from x'],
  ])("refuses as %s: %s", (code, text) => {
    const result = summarize(text);
    if (code === "write_in_query")
      expect(["write_in_query", "summary_shape"]).toContain(!result.ok && result.code);
    else expect(result).toMatchObject({ ok: false, code });
  });
});

describe("the connector's own look", () => {
  const FENCE = '(select "id" from "shop"."order") as o';

  it.each([
    ["a relation without a fence", 'select abs(id) from "shop"."order"', "relation_unknown"],
    [
      "a fence without a schema",
      'select id from (select "id" from "order") as o',
      "relation_unknown",
    ],
    [
      "a column that is not listed",
      'select 1 from (select "hidden" from "shop"."order") as o',
      "relation_unknown",
    ],
    ["a star in a fence", 'select 1 from (select * from "shop"."order") as o', "relation_unknown"],
    [
      "an expression in a fence",
      'select 1 from (select abs("id") from "shop"."order") as o',
      "relation_unknown",
    ],
    [
      "a fence with a filter",
      'select 1 from (select "id" from "shop"."order" where "id" = 1) as o',
      "relation_unknown",
    ],
    [
      "a name out of reach",
      `select 1 from pg_class, lateral (with x as (select 1) select * from x) y`,
      "relation_unknown",
    ],
    [
      "a query with PostgreSQL's name",
      "with pg_class as (select 1) select * from pg_class",
      "relation_unknown",
    ],
    ["a function", `select pg_sleep(1) from ${FENCE}`, "function_not_allowed"],
    ["a lock", `select 1 from ${FENCE} for update`, "locking_clause"],
    ["two statements", `select 1 from ${FENCE}; select 1`, "several_statements"],
    ["a write", 'delete from "shop"."order"', "not_a_query"],
    ["no SQL", "x", "syntax"],
  ])("refuses %s", (_name, text, code) => {
    expect(refusalOfSealed(text, READABLE, null)).toBe(code);
  });

  it("takes what the guard makes, and queries of WITH where they are in reach", () => {
    const text = `with x as (select id from ${FENCE}) select * from x where id in (select id from x)`;
    expect(refusalOfSealed(text, READABLE, null)).toBeNull();
  });

  it("asks for groups where only summaries may pass", () => {
    expect(refusalOfSealed(`select id from ${FENCE}`, READABLE, MIN)).toBe("summary_shape");
    expect(refusalOfSealed(`select count(*) from ${FENCE}`, READABLE, MIN)).toBe("summary_shape");
    const whole = `select count(*) from ${FENCE} having count(*) >= 5`;
    expect(refusalOfSealed(whole, READABLE, MIN)).toBeNull();
    const lower = `select count(*) from ${FENCE} having count(*) >= 4`;
    expect(refusalOfSealed(lower, READABLE, MIN)).toBe("summary_shape");
    const inside = `select sum(x) from (select "id" * 2 as x from "shop"."order") as o having count(x) >= 5`;
    expect(refusalOfSealed(inside, READABLE, MIN)).not.toBeNull();
  });
});
