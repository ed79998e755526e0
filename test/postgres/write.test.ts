import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { refusalOf, sha256 } from "../../src/connector/allow.ts";
import type { ListedWrites, PostgresDestination } from "../../src/connector/config.ts";
import type { Execution } from "../../src/connector/executor.ts";
import { PostgresExecutor } from "../../src/connector/postgres.ts";
import { Secret } from "../../src/connector/secret.ts";
import { execution, postgresDestination } from "../../src/connector/testing-postgres.ts";
import { canonical, type Json } from "../../src/core/model/json.ts";
import type { PreviewSeal } from "../../src/core/model/operation.ts";
import { rowChange } from "../../src/core/model/row-change.ts";
import { guardWrite, type GuardedWrite, type WriteCatalogue } from "../../src/sql/guard-write.ts";
import { loadGrammar } from "../../src/sql/parse.ts";
import { SHOP_SQL } from "../../src/sql/testing-catalogue.ts";
import { HONEST_WRITES, WRITES_OF_SHOP } from "../../src/sql/testing-writes.ts";
import type { ConnectorAnswer } from "../../src/tunnel/protocol.ts";
import { postgresUrl } from "./server.ts";

const url = postgresUrl();
const stale = { ok: false, code: "preview_stale", effect: "none" };
const beyond = { ok: false, code: "upstream_rejected", effect: "none" };

/** What only a real server has: other transactions, roles, locks, and a grammar of another version. */
describe.runIf(url !== null)("guarded writes against a real server", () => {
  const server = new URL(url ?? "postgres://localhost");
  const password = randomBytes(12).toString("hex");
  const name = `w${randomBytes(4).toString("hex")}`;
  const mine = (text: string): string =>
    text.replaceAll(/\bshop\./gi, `${name}.`).replaceAll(/\bschema shop;/g, `schema ${name};`);
  const catalogue: WriteCatalogue = {
    relations: new Map(
      [...WRITES_OF_SHOP.relations.values()].map((one) => {
        const id = `${name}.${one.name}`;
        const also = new Set([`${name}.log`]);
        return [id, { ...one, id, schema: name, writable: { ...one.writable, also } }];
      }),
    ),
  };
  const statements = {
    relations: new Map(
      [...catalogue.relations].map(([id, one]) => [id, new Set(one.columns.keys())]),
    ),
    minGroup: null,
    writes: new Map(
      [...catalogue.relations].map(([id, { writable }]): [string, ListedWrites] => [
        id,
        { ...writable, maxRows: 40 },
      ]),
    ),
  };
  const destination: PostgresDestination = postgresDestination({
    ...{ host: server.hostname, port: Number(server.port), connections: 4 },
    ...{ database: server.pathname.slice(1), user: `${name}_connector`, role: `${name}_clerk` },
    password: Secret.fixed(password),
    statements,
  });
  let admin: postgres.Sql;
  let executor: PostgresExecutor;

  function guarded(text: string): GuardedWrite {
    const write = guardWrite(mine(text), catalogue, { parameters: 0, maxRows: 40 });
    if (!write.ok) throw new Error(`${write.code}: ${text}`);
    return write;
  }

  function run(
    text: string,
    seal: PreviewSeal | null | "preview" = "preview",
    change: Partial<Execution> = {},
  ): Promise<ConnectorAnswer> {
    const { statement, observe } = guarded(text);
    const sql = { mode: "write" as const, statement, maxRows: 40, observe };
    const mode = seal === "preview" ? "preview" : "execute";
    const preview = seal === "preview" ? null : seal;
    return executor.execute(execution(sql, { mode, preview, ...change }));
  }

  function changeIn(text: string, answer: ConnectorAnswer): readonly Json[] {
    if (!answer.ok || !answer.observed) throw new Error(`${text}: ${JSON.stringify(answer)}`);
    const { before, after } = answer.observed;
    const change = rowChange(before, after, guarded(text).observe)?.change;
    return change as unknown as readonly Json[];
  }

  const approved = async (text: string): Promise<PreviewSeal> => ({
    changes: sha256(canonical(changeIn(text, await run(text)))),
    ...{ etag: null, salt: "5a".repeat(16) },
  });

  /** All rows by relation and key, each column as text: what an approver would have to know. */
  async function everything(): Promise<{ readonly [relation: string]: object }> {
    const all: Record<string, object> = {};
    for (const { id, columns, writable } of catalogue.relations.values()) {
      const texts = [...columns.keys()].map((one) => `"${one}"::text as "${one}"`).join(", ");
      const place = id
        .split(".")
        .map((one) => `"${one}"`)
        .join(".");
      const rows = await admin.unsafe<Record<string, string>[]>(`select ${texts} from ${place}`);
      const named = rows.map((row) => [row[writable.key[0] ?? ""] ?? "", { ...row }] as const);
      all[id] = Object.fromEntries(named);
    }
    return all;
  }

  beforeAll(async () => {
    await loadGrammar();
    admin = postgres(url ?? "", { max: 3, onnotice: () => undefined });
    await admin.unsafe(`
      create role ${name}_clerk nologin;
      create role ${name}_connector login password '${password}' noinherit;
      grant ${name}_clerk to ${name}_connector;
      alter role ${name}_connector set search_path = ${name}, pg_catalog;
      ${mine(SHOP_SQL)
        .replace("create schema other;", "")
        .replaceAll(/.*other\.customer.*\n/g, "")}
      alter table ${name}.customer add constraint named check (name <> 'forbidden');
      create table ${name}.log (what text);
      create table ${name}.part (id serial primary key, of int references ${name}."order" on delete cascade);
      create function ${name}.tell() returns trigger language plpgsql as $$ begin
        insert into ${name}.log values ('told'); return new; end $$;
      create trigger tell after update on ${name}.customer for each row execute function ${name}.tell();
      grant usage on schema ${name} to ${name}_clerk;
      grant select on ${name}."order", ${name}."Odd Name" to ${name}_clerk;
      grant select (id, name, city, email, since), update (name, city) on ${name}.customer to ${name}_clerk;
      grant insert, update, delete on ${name}."order", ${name}."Odd Name" to ${name}_clerk;
      grant insert on ${name}.log to ${name}_clerk;
    `);
    executor = new PostgresExecutor(destination);
  });
  beforeEach(async () => {
    const fill = mine(SHOP_SQL).slice(mine(SHOP_SQL).indexOf("insert into"));
    await admin.unsafe(`
      delete from ${name}.part; delete from ${name}."order"; delete from ${name}."Odd Name";
      delete from ${name}.customer; delete from ${name}.log;
      ${fill.replaceAll(/.*other\.customer.*\n/g, "")}
    `);
  });
  afterAll(async () => {
    await executor.close();
    await admin.unsafe(`
      drop schema ${name} cascade; drop role ${name}_connector; drop role ${name}_clerk`);
    await admin.end();
  });

  it("show what they write, whole, and write nothing else", async () => {
    for (const text of HONEST_WRITES) {
      const { statement, observe } = guarded(text);
      const sql = { destination: "x", statement, params: [], mode: "write", maxRows: 40 } as const;
      const none = { body: null, contentType: null, idempotencyKey: null, preview: null };
      const frame = { operation: { sql: { ...sql, observe } }, ...none };
      expect(refusalOf(frame, destination), text).toBeNull();
      const before = await everything();
      const shown = changeIn(text, await run(text));
      expect(await everything(), text).toEqual(before);
      expect(changeIn(text, await run(text, await approved(text))), text).toEqual(shown);
      const after = await everything();
      expect(after, text).not.toEqual(before);
      const told = rowsTold(shown, observe.relation);
      expect(told, text).toEqual(rowsChanged(before, after, observe.relation));
      for (const [id, rows] of Object.entries(after)) {
        if (id !== observe.relation) expect(rows, text).toEqual(before[id]);
      }
    }
  });

  it("meet grants that say the same, and constraints", async () => {
    const mail = "update shop.customer set email = 'x' where id = 1";
    expect(await run(mail, null)).toEqual(beyond);
    const forbidden = "update shop.customer set name = 'forbidden' where id = 1";
    expect(await run(forbidden, null)).toEqual(beyond);
  });

  it("are undone where a foreign key reaches further", async () => {
    await admin.unsafe(`insert into ${name}.part (of) values (7)`);
    const text = 'delete from shop."order" where id = 7';
    const before = await everything();
    expect(await run(text)).toEqual(beyond);
    expect(await run(text, null)).toEqual(beyond);
    expect(await everything()).toEqual(before);
    await admin.unsafe(`delete from ${name}.part`);
    expect(await run(text, null)).toMatchObject({ ok: true });
  });

  it.each([
    ["a row changes", "update \"order\" set status = 'late' where id = 5"],
    ["a row appears", "insert into \"order\" (id, status) values (401, 'open')"],
    ["a row goes", 'delete from "order" where id = 7'],
  ])("are stale as soon as %s that they are about", async (_what, meanwhile) => {
    const text =
      "update shop.\"order\" set status = 'seen' where status = 'open' and id in (3, 5, 7, 401)";
    const seal = await approved(text);
    await admin.unsafe(meanwhile.replace('"order"', `${name}."order"`));
    expect(await run(text, seal)).toEqual(stale);
    const seen = `select count(*)::int as n from ${name}."order" where status = 'seen'`;
    expect(await admin.unsafe(seen)).toEqual([{ n: 0 }]);
  });

  it("are done once, though two say so at once", async () => {
    const text = "update shop.\"order\" set status = status || '!' where id = 3";
    const seal = await approved(text);
    const answers = await Promise.all([run(text, seal), run(text, seal), run(text, seal)]);
    expect(answers.filter((one) => one.ok)).toHaveLength(1);
    for (const one of answers.filter(({ ok }) => !ok)) expect(one).toEqual(stale);
    const [row] = await admin.unsafe(`select status from ${name}."order" where id = 3`);
    expect(row).toEqual({ status: "open!" });
  });

  it("do not wait longer than they may for a row that somebody holds", async () => {
    const text = "update shop.\"order\" set status = 'x' where id = 5";
    const seal = await approved(text);
    const before = await everything();
    await admin.begin(async (held) => {
      await held.unsafe(`select 1 from ${name}."order" where id = 5 for update`);
      expect(await run(text)).toEqual({ ok: false, code: "preview_unavailable", effect: "none" });
      const answer = await run(text, seal, { remainingMs: () => 300 });
      expect(answer).toMatchObject({ ok: false, effect: "none" });
    });
    expect(await everything()).toEqual(before);
    expect(await run(text, seal)).toMatchObject({ ok: true });
  });
});

interface Told {
  readonly op: string;
  readonly path: string;
  readonly value?: Json;
}

/** Rows of a change by their key: what each becomes; null: it goes. Of one that stays, what changes. */
function rowsTold(change: readonly Json[], relation: string): object {
  const told: Record<string, unknown> = {};
  for (const { op, path, value } of change as unknown as readonly Told[]) {
    if (op === "test") continue;
    const [key = "", column] = path.slice(relation.length + 2).split("/");
    if (column === undefined) told[key] = op === "remove" ? null : value;
    else told[key] = { ...(told[key] as object | undefined), [column]: value };
  }
  return told;
}

function rowsChanged(
  before: { readonly [relation: string]: object },
  after: { readonly [relation: string]: object },
  relation: string,
): object {
  type Rows = { readonly [key: string]: { readonly [column: string]: unknown } };
  const [from, to] = [before[relation] as Rows, after[relation] as Rows];
  const changed: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [old, made] = [from[key], to[key]];
    if (made === undefined) changed[key] = null;
    else if (old === undefined) changed[key] = made;
    else {
      const columns = Object.entries(made).filter(([column, value]) => old[column] !== value);
      if (columns.length > 0) changed[key] = Object.fromEntries(columns);
    }
  }
  return changed;
}
