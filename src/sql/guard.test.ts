import { PGlite } from "@electric-sql/pglite";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guardQuery, type GuardedQuery } from "./guard.ts";
import { loadGrammar } from "./parse.ts";
import { SQL_REFUSALS } from "./refusal.ts";
import { SHOP, SHOP_SQL } from "./testing-catalogue.ts";
import { HONEST, HOSTILE } from "./testing-statements.ts";
import { anyText } from "../core/model/testing-text.ts";

const guard = (text: string, parameters = 0) =>
  guardQuery(text, SHOP, { parameters, minGroup: null });

function passed(text: string, parameters = 0): GuardedQuery {
  const result = guard(text, parameters);
  if (!result.ok) throw new Error(`${result.code} at ${String(result.at)}: ${text}`);
  return result;
}

let db: PGlite;
beforeAll(async () => {
  await loadGrammar();
  db = await PGlite.create();
  await db.exec(SHOP_SQL);
});
afterAll(() => db.close());

async function rows(text: string, path = "shop, pg_catalog"): Promise<unknown> {
  await db.exec(`set search_path = ${path}`);
  const { rows: found } = await db.query(text, [], { rowMode: "array" });
  return found;
}

describe("a hostile statement", () => {
  const all = Object.entries(HOSTILE).flatMap(([code, texts]) =>
    texts.map((text) => ({ code, text })),
  );

  it.each(all)("is refused: $code $text", ({ code, text }) => {
    expect(guard(text)).toMatchObject({ ok: false, code });
  });

  it("meets every code that a query can meet", () => {
    const met = new Set(Object.keys(HOSTILE));
    const left = Object.keys(SQL_REFUSALS).filter((code) => !met.has(code));
    const elsewhere = /^(summary|write)_(?!in_query$)/;
    expect(left.filter((code) => !elsewhere.test(code))).toEqual([]);
    expect(all.length).toBeGreaterThan(200);
  });
});

describe("an honest statement", () => {
  it.each(HONEST)("gives what it gives without a guard: %s", async (text) => {
    const sealed = passed(text).render(() => true);
    expect(await rows(sealed, "pg_catalog")).toEqual(await rows(text));
  });

  it.each(HONEST)("shows nothing of a class that is denied: %s", async (text) => {
    const sealed = passed(text).render((one) => one !== "contact" && one !== "secret");
    const shown = JSON.stringify(await rows(sealed, "pg_catalog"));
    expect(shown).not.toMatch(/@secret\.example|900\d\d|hidden-/);
  });
});

describe("what a statement is about", () => {
  const O = "shop.order";
  const C = "shop.customer";
  it.each<[text: string, columns: readonly string[], classes: readonly string[]]>([
    ["select 1", [], []],
    ['select count(*) from "order"', [], ["order"]],
    ['select id from "order" where margin > 1', [`${O}.id`, `${O}.margin`], ["order", "secret"]],
    ['select id from "order" order by margin', [`${O}.id`, `${O}.margin`], ["order", "secret"]],
    ['select id as margin from "order" order by margin', [`${O}.id`], ["order"]],
    [
      'select id as margin from "order" order by abs(margin)',
      [`${O}.id`, `${O}.margin`],
      ["order", "secret"],
    ],
    [
      'select count(*) as margin from "order" group by margin',
      [`${O}.margin`],
      ["order", "secret"],
    ],
    ["select lower(city) as town from shop.customer group by town", [`${C}.city`], ["customer"]],
    [
      "select x.mail from (select email as mail from shop.customer) x",
      [`${C}.email`],
      ["contact", "customer"],
    ],
    [
      "select x.b from (select id, email from shop.customer) as x (a, b)",
      [`${C}.email`, `${C}.id`],
      ["contact", "customer"],
    ],
    [
      'select (select email from shop.customer c where c.id = o.id) from "order" o',
      [`${C}.email`, `${C}.id`, `${O}.id`],
      ["contact", "customer", "order"],
    ],
    [
      "select id from shop.customer join (select 1 as email) x using (email)",
      [`${C}.email`, `${C}.id`],
      ["contact", "customer"],
    ],
    [
      'select sum(cents) over (partition by margin) from "order"',
      [`${O}.cents`, `${O}.margin`],
      ["order", "secret"],
    ],
    [
      'select count(*) filter (where margin > 0) from "order"',
      [`${O}.margin`],
      ["order", "secret"],
    ],
    [
      'with t as (select * from "order") select t.margin from t',
      ["id", "customer_id", "placed_on", "status", "cents", "margin", "note"].map(
        (n) => `${O}.${n}`,
      ),
      ["order", "secret"],
    ],
    [
      "select name from other.customer o join shop.customer s on s.id = o.id",
      ["other.customer.id", `${C}.id`, `${C}.name`],
      ["customer"],
    ],
    [
      'select id from "order" o where exists (select 1 from shop.customer where id = o.customer_id and email is null)',
      [`${C}.email`, `${C}.id`, `${O}.customer_id`, `${O}.id`],
      ["contact", "customer", "order"],
    ],
    [
      'select id from "order" union select id from shop.customer order by id',
      [`${C}.id`, `${O}.id`],
      ["customer", "order"],
    ],
    [
      "select s.n from shop.customer c, lateral (select c.email as n) s",
      [`${C}.email`],
      ["contact", "customer"],
    ],
  ])("%s", (text, columns, classes) => {
    const found = passed(text);
    expect(found.columns).toEqual(columns.toSorted());
    expect(found.classes).toEqual(classes);
  });

  it("shows a denied column to policy where a star covers it, and needs it only where it is named", () => {
    const starred = passed("select * from shop.customer");
    expect(starred.columns).toContain("shop.customer.email");
    expect(starred.classes).toEqual(["customer"]);
    const named = passed("select x.email from (select * from shop.customer) x");
    expect(named.classes).toEqual(["contact", "customer"]);
  });
});

describe("the fence", () => {
  const withoutContact = (text: string): string => passed(text).render((one) => one !== "contact");

  it("leaves a star with the columns that may be seen, and none that nobody declared", async () => {
    const text = withoutContact("select * from shop.customer where id = 1");
    await db.exec("set search_path = pg_catalog");
    const { rows: found } = await db.query(text);
    expect(found.map((row) => Object.keys(row as object))).toEqual([
      ["id", "name", "city", "since"],
    ]);
  });

  it("stands at the relation, whatever is written around it", () => {
    expect(withoutContact("select 'é', c.id from/**/ SHOP . customer -- x\n as c")).toBe(
      `select 'é', c.id from/**/ (select "id", "name", "city", "since" from "shop"."customer") -- x\n as c`,
    );
    expect(withoutContact('select U&"\\0049d" from shop."Odd Name"')).toBe(
      'select U&"\\0049d" from (select "Id", "user" from "shop"."Odd Name") as "Odd Name"',
    );
  });

  it("leaves nothing to find for a name that was taken for another", async () => {
    const fence = withoutContact("select 1 from shop.customer c").replace("select 1 from ", "");
    const tricks = ["select c from", "select to_jsonb(c) from", "select c.* from"];
    for (const trick of tricks) {
      const shown = JSON.stringify(await rows(`${trick} ${fence}`, "pg_catalog"));
      expect(shown).toContain("name 1");
      expect(shown).not.toMatch(/@secret|hidden-/);
    }
    for (const name of ["email", "hidden", "ctid", "c.email", "c.ctid", "c.tableoid"]) {
      await expect(rows(`select ${name} from ${fence}`, "pg_catalog")).rejects.toThrow();
    }
  });
});

describe("parameters", () => {
  it.each([
    ["select $1::int", 1, true],
    ["select $1::int + $2::int + $1::int", 2, true],
    ["select $1::int", 2, false],
    ["select $2::int", 1, false],
    ["select '$1'", 0, true],
  ])("%s with %i is %s", (text, count, fits) => {
    expect(guard(text, count).ok).toBe(fits);
  });
});

describe("anything at all", () => {
  it("is refused or passed, and never a throw", () => {
    const words = fc.constantFrom(
      ..."select * from shop.customer c \"order\" o where id = email ( ) , with x as group by having order limit 1 'a' $1 union all join on lateral case when then end not null is in exists . ; -- /* */ count(*) over partition row c.* ::text for update into".split(
        " ",
      ),
    );
    const texts = fc.oneof(
      fc.array(words, { maxLength: 30 }).map((all) => all.join(" ")),
      fc.array(words, { maxLength: 12 }).map((all) => `select ${all.join(" ")}`),
      anyText(60),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const result = guard(text);
        if (result.ok) expect(result.render(() => true)).not.toContain("\0");
        else expect(SQL_REFUSALS).toHaveProperty(result.code);
      }),
      { numRuns: 1_000 },
    );
  });
});
