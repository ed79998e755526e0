import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guardWrite, type GuardedWrite } from "./guard-write.ts";
import { loadGrammar } from "./parse.ts";
import { SQL_REFUSALS } from "./refusal.ts";
import { SHOP_SQL } from "./testing-catalogue.ts";
import { HONEST_WRITES, HOSTILE_WRITES, WRITES_OF_SHOP } from "./testing-writes.ts";

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
