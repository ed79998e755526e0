import { PGlite } from "@electric-sql/pglite";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guardWrite, type GuardedWrite } from "./guard-write.ts";
import { lookBefore, returningKeys } from "./look.ts";
import { loadGrammar } from "./parse.ts";
import { SQL_REFUSALS } from "./refusal.ts";
import { SHOP_SQL } from "./testing-catalogue.ts";
import { HONEST_WRITES, HOSTILE_WRITES, WRITES_OF_SHOP } from "./testing-writes.ts";
import { readWrite } from "./write.ts";
import { anyText } from "../core/model/testing-text.ts";

const guard = (text: string, parameters = 0) =>
  guardWrite(text, WRITES_OF_SHOP, { parameters, maxRows: 10 });

function passed(text: string, parameters = 0): GuardedWrite {
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

describe("a hostile write", () => {
  const all = Object.entries(HOSTILE_WRITES).flatMap(([code, texts]) =>
    texts.map((text) => ({ code, text })),
  );

  it.each(all)("is refused: $code $text", ({ code, text }) => {
    expect(guard(text)).toMatchObject({ ok: false, code });
  });

  it("meets every code that a write can meet", () => {
    expect(all.length).toBeGreaterThan(150);
    const left = Object.keys(SQL_REFUSALS).filter(
      (code) => code.startsWith("write_") && !Object.hasOwn(HOSTILE_WRITES, code),
    );
    expect(left).toEqual(["write_in_query"]);
  });
});

/** All that the shop holds, after this statement. */
async function shopAfter(text: string, path: string): Promise<unknown> {
  await db.exec(`begin; set local search_path = ${path}`);
  try {
    await db.query(text);
    const { rows } = await db.query(`select
      (select json_agg(c order by id) from shop.customer c) as customers,
      (select json_agg(o order by id) from shop."order" o) as orders,
      (select json_agg(n order by "Id") from shop."Odd Name" n) as odd`);
    return rows;
  } finally {
    await db.exec("rollback");
  }
}

describe("an honest write", () => {
  it.each(HONEST_WRITES)("writes what it writes without a guard: %s", async (text) => {
    const mine = await shopAfter(passed(text).statement, "pg_catalog");
    expect(mine).toEqual(await shopAfter(text, "shop, pg_catalog"));
    expect(mine).not.toEqual(await shopAfter("select 1", "pg_catalog"));
  });
});

describe("what a write is about", () => {
  const C = "shop.customer";
  const O = "shop.order";
  it.each([
    ["update shop.customer set name = 'x' where id = 1", [`${C}.id`], [`${C}.name`], ["customer"]],
    [
      "update shop.customer set name = email where id = 1",
      [`${C}.email`, `${C}.id`],
      [`${C}.name`],
      ["contact", "customer"],
    ],
    [
      "update shop.customer set email = 'x' where id = 1",
      [`${C}.id`],
      [`${C}.email`],
      ["contact", "customer"],
    ],
    ['delete from "order" where margin > 1', [`${O}.margin`], [], ["order", "secret"]],
    [
      "insert into \"order\" (id, status) values (1, 'x')",
      [],
      [`${O}.id`, `${O}.status`],
      ["order"],
    ],
  ])("%s", (text, columns, written, classes) => {
    expect(passed(text)).toMatchObject({ columns, written, classes });
  });

  it("leaves nothing out of the change that it writes, and no key of a row that is there", () => {
    const order = WRITES_OF_SHOP.relations.get("shop.order")!;
    const volatile = new Set(["id", "placed_on", "margin"]);
    const catalogue = { relations: new Map([["shop.order", { ...order, volatile }]]) };
    const ignored = (text: string): unknown => {
      const found = guardWrite(text, catalogue, { parameters: 0, maxRows: 1 });
      return found.ok ? found.observe.ignore : found;
    };
    expect(ignored('insert into "order" (status) values (1)')).toEqual([
      "id",
      "margin",
      "placed_on",
    ]);
    expect(ignored('insert into "order" (id) values (1)')).toEqual(["margin", "placed_on"]);
    expect(ignored('update "order" set placed_on = null where id = 1')).toEqual(["margin"]);
    expect(ignored('delete from "order" where id = 1')).toEqual(["margin", "placed_on"]);
  });

  it("says where it is wrong", () => {
    const found = guard("update shop.customer set name = 'é', city = hidden where id = 1");
    expect(found).toEqual({ ok: false, code: "column_unknown", at: 45 });
  });
});

/** Conditions as they are written: brackets, quotes and comments that only seem to end something. */
const condition: fc.Arbitrary<string> = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(
      "id = 7",
      "id in (3, 5, 9)",
      "o.id between 10 and 20",
      "status = 'open'",
      "o.status like '%pai%' -- where (\n",
      "(note ->> 'k')::int = 1",
      "margin is null /* ) where ( */",
      "'where)' <> $$where ($$ and cents > 2000",
      "(cents, id) < (900, 5)",
      "case when id > 30 then true else margin > 90010 end",
      "o.\"status\" = E'o\\x70en'",
    ),
    fc.tuple(tie("any"), tie("any")).map(([a, b]) => `(${a}\n) and (${b}\n)`),
    fc.tuple(tie("any"), tie("any")).map(([a, b]) => `(${a}\n) or ${b}\n`),
    tie("any").map((one) => `not (${one}\n)`),
  ),
})).any;
const head = fc.constantFrom(
  "update shop.\"order\" o set status = '(where' || lower(o.status), note = null where ",
  '/* where */ UPDATE "order" AS o SET "status" = case when id > 1 then \'x\' end WHERE--\n',
  'delete from shop . "order" o where ',
  'delete from "order" as "o" Where(true)and\t',
);

describe("whatever is written", () => {
  it("is found before by its own condition, row for row, and answers with these rows", async () => {
    const keysOf = async (text: string): Promise<readonly string[]> => {
      const { rows } = await db.query<{ id: unknown }>(text);
      return rows.map(({ id }) => String(id)).sort();
    };
    await db.exec("set search_path = pg_catalog");
    await fc.assert(
      fc.asyncProperty(head, condition, async (start, where) => {
        const write = guardWrite(`${start}${where}`, WRITES_OF_SHOP, {
          parameters: 0,
          maxRows: 40,
        });
        if (!write.ok) throw new Error(`${write.code}: ${start}${where}`);
        const { alias, condition: cut } = readWrite(write.statement);
        const found = await keysOf(lookBefore(write.observe, alias, cut!));
        await db.exec("begin");
        try {
          expect(await keysOf(returningKeys(write.statement, write.observe))).toEqual(found);
        } finally {
          await db.exec("rollback");
        }
      }),
      { numRuns: 100 },
    );
  });

  it("is refused or passed, never a throw, and what passed passes again as it is sent", () => {
    const words = fc.constantFrom(
      ..."update delete insert into from shop.customer \"order\" o c set where id name status = ( ) , values 1 'a' $1 and or not null is in default returning * . ; -- /* */ case when then end ::text lower( row array[ ] only as using on conflict do select".split(
        " ",
      ),
    );
    const texts = fc.oneof(
      fc.array(words, { maxLength: 30 }).map((all) => all.join(" ")),
      fc
        .array(words, { maxLength: 12 })
        .map((all) => `update "order" set status = 'x' where id = 1 ${all.join(" ")}`),
      fc
        .array(words, { maxLength: 8 })
        .map((all) => `insert into "order" (id) values (1) ${all.join(" ")}`),
      anyText(60),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const result = guard(text);
        if (result.ok) expect(passed(result.statement).statement).toBe(result.statement);
        else expect(SQL_REFUSALS).toHaveProperty(result.code);
      }),
      { numRuns: 250 },
    );
  });
});
