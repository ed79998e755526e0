import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Child } from "../child.ts";
import { seed } from "./seed.ts";

/** Starting embedded Postgres and filling it, on a busy machine. */
const START_MS = 60_000;

let folder: string;
let billing: Child;
let sql: Sql;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "acme-billing-"));
  billing = await Child.start({
    name: "billing",
    args: [join(import.meta.dirname, "server.ts"), "--socket-dir", join(folder, "socket")],
    log: join(folder, "billing.log"),
  });
  const path = join(String(billing.facts["host"]), `.s.PGSQL.${billing.facts["port"]}`);
  sql = postgres({ path, max: 1, database: "postgres", onnotice: () => undefined });
}, START_MS);

afterAll(async () => {
  await sql.end();
  await billing.stop();
  rmSync(folder, { recursive: true });
});

const principals = { human: "hum_1", agent: "support-agent", workflow: "wf_1" };

/** What a connector does around every statement. */
async function as<T>(
  role: string,
  who: { readonly [name: string]: string },
  query: (transaction: Sql) => Promise<T>,
): Promise<T> {
  return (await sql.begin(async (transaction) => {
    await transaction.unsafe(`set local role ${role}`);
    for (const [name, value] of Object.entries(who)) {
      await transaction`select set_config(${`postern.${name}`}, ${value}, true)`;
    }
    return query(transaction as unknown as Sql);
  })) as T;
}

describe("billing", () => {
  it("lies behind a socket in a folder that only its owner may enter", () => {
    expect(statSync(join(folder, "socket")).mode & 0o777).toBe(0o700);
  });

  it("has every row of the company", async () => {
    const [counts] = await sql`
      select (select count(*)::int from acme.customers) as customers,
             (select count(*)::int from acme.invoices) as invoices,
             (select count(*)::int from acme.payments) as payments,
             (select count(*)::int from acme.payroll) as payroll`;
    expect(counts).toEqual({ customers: 1_500, invoices: 5_400, payments: 3_216, payroll: 720 });
  });

  it("is not filled twice", async () => {
    expect(await seed(sql)).toEqual({ state: "present", vectors: true });
  });

  it("shows no row where a principal is missing, and all of them where none is", async () => {
    const count = async (transaction: Sql): Promise<number | undefined> => {
      const [row] = await transaction<{ n: number }[]>`
        select count(*)::int as n from acme.invoices`;
      return row?.n;
    };
    expect(await as("support_reader", {}, count)).toBe(0);
    for (const missing of Object.keys(principals)) {
      expect(await as("support_reader", { ...principals, [missing]: "" }, count)).toBe(0);
    }
    expect(await as("support_reader", principals, count)).toBe(5_400);
  });

  it.each([
    ["support_reader", "select card_number from acme.customers"],
    ["support_reader", "select * from acme.payroll"],
    ["support_reader", "update acme.invoices set status = 'paid'"],
    ["payroll_reader", "select * from acme.customers"],
  ])("does not let %s run: %s", async (role, statement) => {
    const insufficientPrivilege = { code: "42501" };
    await expect(
      as(role, principals, (transaction) => transaction.unsafe(statement)),
    ).rejects.toMatchObject(insufficientPrivilege);
  });

  it("leaves a schema alone that somebody else made", async () => {
    await expect(
      sql.begin(async (transaction) => {
        await transaction`comment on schema acme is 'the books of a real company'`;
        await seed(transaction as unknown as Sql);
      }),
    ).rejects.toThrow("not the example's");
  });
});
