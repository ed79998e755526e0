import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusalOf } from "../../src/connector/allow.ts";
import type { PostgresDestination, Statements } from "../../src/connector/config.ts";
import { PostgresExecutor } from "../../src/connector/postgres.ts";
import { Secret } from "../../src/connector/secret.ts";
import { execution, postgresDestination } from "../../src/connector/testing-postgres.ts";
import { guardQuery } from "../../src/sql/guard.ts";
import { loadGrammar } from "../../src/sql/parse.ts";
import { SHOP, SHOP_SQL } from "../../src/sql/testing-catalogue.ts";
import { HONEST } from "../../src/sql/testing-statements.ts";
import type { ConnectorAnswer } from "../../src/tunnel/protocol.ts";
import { postgresUrl } from "./server.ts";

const url = postgresUrl();

/** What an agent writes, against a server of another version than the grammar. */
describe.runIf(url !== null)("guarded queries against a real server", () => {
  const server = new URL(url ?? "postgres://localhost");
  const password = randomBytes(12).toString("hex");
  const name = `t${randomBytes(4).toString("hex")}`;
  const relations = new Map(
    [...SHOP.relations].map(([id, { columns }]) => [id, new Set(columns.keys())]),
  );
  let admin: postgres.Sql;
  let guarded: PostgresExecutor;
  let plain: PostgresExecutor;

  function destination(statements: Statements, login = "connector"): PostgresDestination {
    return postgresDestination({
      ...{ host: server.hostname, port: Number(server.port), connections: 2 },
      ...{ database: server.pathname.slice(1), user: `${name}_${login}`, role: `${name}_analyst` },
      password: Secret.fixed(password),
      statements,
    });
  }

  function sealed(text: string): string {
    const query = guardQuery(text, SHOP, { parameters: 0, minGroup: null });
    if (!query.ok) throw new Error(`${query.code}: ${text}`);
    return query.render(() => true);
  }

  async function rows(answer: Promise<ConnectorAnswer>): Promise<unknown> {
    const got = await answer;
    return got.ok ? (JSON.parse(got.body) as { rows: unknown }).rows : got;
  }

  beforeAll(async () => {
    await loadGrammar();
    admin = postgres(url ?? "", { max: 1, onnotice: () => undefined });
    await admin.unsafe(`
      ${SHOP_SQL}
      create role ${name}_analyst nologin;
      create role ${name}_connector login password '${password}' noinherit;
      create role ${name}_odd login password '${password}' noinherit;
      grant ${name}_analyst to ${name}_connector, ${name}_odd;
      alter role ${name}_connector set search_path = shop, pg_catalog;
      alter role ${name}_odd set search_path = shop, pg_catalog;
      alter role ${name}_odd set standard_conforming_strings = off;
      grant usage on schema shop, other to ${name}_analyst;
      grant select (id, name, city, since) on shop.customer to ${name}_analyst;
      grant select on shop."order", shop."Odd Name", other.customer to ${name}_analyst;
      create function shop.upper(int) returns text language sql as $$ select 'trap' $$;
    `);
    guarded = new PostgresExecutor(
      destination({ relations, minGroup: null, writes: new Map() }, "odd"),
    );
    plain = new PostgresExecutor(destination("any"));
  });
  afterAll(async () => {
    await Promise.all([guarded.close(), plain.close()]);
    await admin.unsafe(`
      drop schema shop cascade; drop schema other cascade;
      drop role ${name}_connector; drop role ${name}_odd; drop role ${name}_analyst;
    `);
    await admin.end();
  });

  it("give what they give without a guard", async () => {
    for (const text of HONEST) {
      // The fence names the e-mail address of a customer, too, and this role may not read it.
      const query = guardQuery(text, SHOP, { parameters: 0, minGroup: null });
      if (!query.ok) throw new Error(`${query.code}: ${text}`);
      const statement = query.render((one) => one !== "contact");
      const mine = await rows(guarded.execute(execution({ statement })));
      const theirs = await rows(plain.execute(execution({ statement: text })));
      expect(mine, text).toEqual(theirs);
      expect(
        refusalOf(frame(statement), destination({ relations, minGroup: null, writes: new Map() })),
      ).toBeNull();
    }
  });

  it("meet grants that say the same, where gateway and connector had let a column through", async () => {
    const answer = await guarded.execute(
      execution({ statement: sealed("select email from shop.customer") }),
    );
    expect(answer).toEqual({ ok: false, code: "upstream_rejected", effect: "none" });
  });

  it("mean what the guard read, however the server is set up", async () => {
    const trap = `select upper(id) as t from (select "id" from "shop"."customer") c limit 1`;
    expect(await rows(plain.execute(execution({ statement: trap })))).toEqual([{ t: "trap" }]);
    expect(await rows(guarded.execute(execution({ statement: trap })))).toMatchObject({
      code: "upstream_rejected",
    });
    const slash = sealed("select 'a\\' as b, length('\\') as n");
    expect(await rows(guarded.execute(execution({ statement: slash })))).toEqual([
      { b: "a\\", n: 1 },
    ]);
  });

  it("are ended by the server when their time is over", async () => {
    const many = Array.from({ length: 8 }, (_, at) => `shop."order" o${at}`).join(", ");
    const statement = sealed(`select count(*) as n from ${many} /* ${name} */`);
    const answer = await guarded.execute(execution({ statement }, { remainingMs: () => 300 }));
    expect(answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
    // The server says so before it has cleared away; one that did not end would run for years.
    const running = (): Promise<readonly object[]> => admin`
      select 1 from pg_stat_activity where state = 'active' and query like ${`%${name}%`}
        and pid <> pg_backend_pid()`;
    while ((await running()).length > 0);
  });
});

function frame(statement: string) {
  const sql = { destination: "x", statement, params: [], mode: "read", maxRows: 1 } as const;
  const none = { body: null, contentType: null, idempotencyKey: null, preview: null };
  return { operation: { sql }, ...none };
}
