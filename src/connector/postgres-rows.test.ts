import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { canonical, type Json } from "../core/model/json.ts";
import type { ObserveRows, PreviewSeal } from "../core/model/operation.ts";
import { rowChange } from "../core/model/row-change.ts";
import { loadGrammar } from "../sql/parse.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import { sha256 } from "./allow.ts";
import { PostgresExecutor } from "./postgres.ts";
import { execution, postgresDestination } from "./testing-postgres.ts";

const TABLES = `
  create schema s;
  create table s.bill (id int primary key, owner text not null, status text not null,
    amount numeric not null, note jsonb, double numeric generated always as (amount * 2) stored);
  create table s.line (id int primary key, bill int not null references s.bill on delete cascade);
  create table s.log (at timestamptz default clock_timestamp(), what text);
  create table s.entry (id serial primary key, text text not null, made timestamptz default clock_timestamp());
  create table s.pair (a text, b text, n int, primary key (a, b));
  create table s.loose (id int, n int);
  create table s.part (id int, n int, primary key (id)) partition by range (id);
  create table s.part_low partition of s.part for values from (0) to (10);
  create table s.parent (id int primary key, n int);
  create table s.child () inherits (s.parent);
  create table s.ruled (id int primary key, n int);
  create rule also as on update to s.ruled do also insert into s.log (what) values ('ruled');
  create table s.quiet (id int primary key, n int);
  create view s.shown as select id, n from s.quiet;
  create view s.posing as select id, n from s.quiet;
  create function s.nothing() returns trigger language plpgsql as $$ begin return new; end $$;
  create trigger posing instead of update on s.posing for each row execute function s.nothing();
  create table s.traced (id int primary key, n int, seen int not null default 0);
  create function s.trace() returns trigger language plpgsql as $$ begin
    new.seen := old.seen + 1; return new; end $$;
  create function s.tell() returns trigger language plpgsql as $$ begin
    insert into s.log (what) values ('traced'); return new; end $$;
  create trigger trace before update on s.traced for each row execute function s.trace();
  create trigger tell after update on s.traced for each row execute function s.tell();
  create table s.builder (id int primary key, n int);
  create function s.build() returns trigger language plpgsql as $$ begin
    create table s.built (x int); return new; end $$;
  create trigger build after update on s.builder for each row execute function s.build();
  create table s.spread (id int primary key, n int);
  create function s.spread() returns trigger language plpgsql as $$ begin
    if new.id = 1 then update s.spread set n = new.n where id = 2; end if; return new; end $$;
  create trigger spread after update on s.spread for each row execute function s.spread();
`;
const ROWS = `
  delete from s.line; delete from s.bill; delete from s.log; delete from s.entry; delete from s.pair;
  delete from s.loose; delete from s.part; delete from s.parent; delete from s.ruled; delete from s.quiet;
  delete from s.traced; delete from s.builder; delete from s.spread;
  insert into s.bill (id, owner, status, amount, note)
    select n, 'o' || n, 'open', n, '{"big": 12345678901234567890}' from generate_series(1, 5) n;
  insert into s.line values (1, 5), (2, 5);
  insert into s.pair values ('x', 'y', 1), ('x,y', '', 2);
  insert into s.loose values (1, 1), (1, 2), (2, 3);
  insert into s.part values (1, 1); insert into s.parent values (1, 1); insert into s.child values (2, 2);
  insert into s.ruled values (1, 1); insert into s.quiet values (1, 1); insert into s.traced values (1, 1);
  insert into s.builder values (1, 1); insert into s.spread values (1, 1), (2, 1);
`;
/** As the gateway names them. */
const LOOKS: { readonly [relation: string]: Partial<ObserveRows> } = {
  "s.bill": { columns: ["id", "owner", "status", "amount", "note", "double"] },
  "s.entry": { columns: ["id", "text", "made"], ignore: ["id", "made"] },
  "s.pair": { key: ["a", "b"], columns: ["a", "b", "n"] },
  "s.traced": { columns: ["id", "n", "seen"] },
};
const beyond = { ok: false, code: "upstream_rejected", effect: "none" };

let dir: string;
let db: PGlite;
let server: PGLiteSocketServer;
let executor: PostgresExecutor;

beforeAll(async () => {
  await loadGrammar();
  dir = await mkdtemp(join(tmpdir(), "postern-rows-"));
  db = await PGlite.create();
  await db.exec(TABLES);
  const path = join(dir, ".s.PGSQL.5432");
  server = new PGLiteSocketServer({ db, path, maxConnections: 10 });
  await server.start();
  const statements = { relations: new Map(), minGroup: null, writes: new Map() };
  executor = new PostgresExecutor(postgresDestination({ host: dir, statements, connections: 1 }));
});
afterAll(async () => {
  await executor.close();
  await server.stop();
  await db.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => change(ROWS));

interface Asked {
  readonly params?: readonly Json[];
  readonly maxRows?: number;
  readonly also?: readonly string[];
}

const observeOf = (relation: string, also: readonly string[] = []): ObserveRows => ({
  ...{ relation, key: ["id"], columns: ["id", "n"], ignore: [], also },
  ...LOOKS[relation],
});

function run(
  relation: string,
  statement: string,
  { params = [], maxRows = 10, also }: Asked = {},
  seal: PreviewSeal | null | "preview" = "preview",
): Promise<ConnectorAnswer> {
  const observe = observeOf(relation, also);
  const mode = seal === "preview" ? "preview" : "execute";
  const preview = seal === "preview" ? null : seal;
  return executor.execute(
    execution({ mode: "write", statement, params, maxRows, observe }, { mode, preview }),
  );
}

function changeIn(relation: string, answer: ConnectorAnswer): unknown {
  if (!answer.ok || !answer.observed) throw new Error(JSON.stringify(answer));
  return rowChange(answer.observed.before, answer.observed.after, observeOf(relation))?.change;
}

const sealOf = (approved: unknown): PreviewSeal => ({
  changes: sha256(canonical(approved as Json)),
  ...{ etag: null, salt: "5a".repeat(16) },
});

/** The embedded server has one session for all: what was begun in it has ended once this has committed. */
async function settled(): Promise<void> {
  await executor.execute(execution({ mode: "write", statement: "select 1 as one" }));
}

async function rows(text: string): Promise<unknown> {
  await settled();
  return (await db.query(text)).rows;
}

async function change(text: string): Promise<void> {
  await settled();
  await db.exec(text);
}

describe("a write that an agent wrote", () => {
  it("is shown by its condition and its keys, and undone", async () => {
    const text =
      "update s.bill b set status = $1, amount = amount + 1 where b.status = $2 and id < $3";
    const answer = await run("s.bill", text, { params: ["paid", "open", 3] });
    expect(changeIn("s.bill", answer)).toEqual(
      [1, 2].flatMap((id) =>
        [
          ["amount", String(id), String(id + 1)],
          ["double", String(2 * id), String(2 * id + 2)],
          ["status", "open", "paid"],
        ].flatMap(([column, from, to]) => {
          const path = `/s.bill/${id}/${column}`;
          return [
            { op: "test", path, value: from },
            { op: "replace", path, value: to },
          ];
        }),
      ),
    );
    expect(await rows("select count(*)::int as n from s.bill where status = 'open'")).toEqual([
      { n: 5 },
    ]);
  });

  it("is committed if it is what was approved, and answers with keys", async () => {
    const text = "update s.bill set status = 'paid' where id = 1";
    const shown = changeIn("s.bill", await run("s.bill", text));
    const done = await run("s.bill", text, {}, sealOf(shown));
    expect(done).toMatchObject({ ok: true, body: '{"rows":[{"id":"1"}]}' });
    expect(changeIn("s.bill", done)).toEqual(shown);
    expect(await rows("select status from s.bill where id = 1")).toEqual([{ status: "paid" }]);
  });

  it("is not, once the rows are others", async () => {
    const text = "update s.bill set status = 'paid' where status = 'open' and id < 3";
    const seal = sealOf(changeIn("s.bill", await run("s.bill", text)));
    await change(
      "update s.bill set status = 'open' where id = 1; update s.bill set id = 0 where id = 1",
    );
    const stale = { ok: false, code: "preview_stale", effect: "none" };
    expect(await run("s.bill", text, {}, seal)).toEqual(stale);
    expect(await rows("select count(*)::int as n from s.bill where status = 'paid'")).toEqual([
      { n: 0 },
    ]);
  });

  it("runs without an approval where policy asks for none, and is observed all the same", async () => {
    const answer = await run("s.bill", "delete from s.bill where id = 1", {}, null);
    const path = "/s.bill/1";
    expect(changeIn("s.bill", answer)).toMatchObject([
      { op: "test", path, value: { id: "1", amount: "1" } },
      { op: "remove", path },
    ]);
    expect(await rows("select count(*)::int as n from s.bill")).toEqual([{ n: 4 }]);
  });

  it.each(["preview", null] as const)(
    "changes as many rows as it may (%s), and no more",
    async (seal) => {
      const text = "update s.bill set status = 'x' where id > 0";
      expect(await run("s.bill", text, { maxRows: 5 }, seal)).toMatchObject({ ok: true });
      await change(ROWS);
      const refused = { ok: false, code: "preview_too_large", effect: "none" };
      expect(await run("s.bill", text, { maxRows: 4 }, seal)).toEqual(refused);
      const values = "insert into s.entry (text) values ('a'), ('b')";
      expect(await run("s.entry", values, { maxRows: 1 }, seal)).toEqual(refused);
      expect(await rows("select count(*)::int as n from s.bill where status = 'x'")).toEqual([
        { n: 0 },
      ]);
      expect(await rows("select count(*)::int as n from s.entry")).toEqual([{ n: 0 }]);
    },
  );

  it("is the same change each time, where a default makes the key", async () => {
    const text = "insert into s.entry (text) values ($1), ('second') -- the end";
    const asked = { params: ["first"] };
    const shown = changeIn("s.entry", await run("s.entry", text, asked));
    expect(shown).toEqual([
      { op: "add", path: "/s.entry/+1", value: { text: "first" } },
      { op: "add", path: "/s.entry/+2", value: { text: "second" } },
    ]);
    expect(await run("s.entry", text, asked, sealOf(shown))).toMatchObject({ ok: true });
    expect(await rows("select text from s.entry order by id")).toEqual([
      { text: "first" },
      { text: "second" },
    ]);
  });

  it("tells rows with a key of several columns apart", async () => {
    const answer = await run("s.pair", "update s.pair set n = 7 where n > 0");
    expect(changeIn("s.pair", answer)).toMatchObject([
      { path: '/s.pair/["x","y"]/n', value: "1" },
      { value: "7" },
      { path: '/s.pair/["x,y",""]/n', value: "2" },
      { value: "7" },
    ]);
  });

  it("shows what a number would round away", async () => {
    const note = `'{"big": 12345678901234567891}'`;
    const set = `update s.bill set amount = 1.00, note = ${note} where id = 1`;
    const answer = await run("s.bill", set);
    expect(changeIn("s.bill", answer)).toMatchObject([
      { path: "/s.bill/1/amount", value: "1" },
      { value: "1.00" },
      { path: "/s.bill/1/double" },
      { value: "2.00" },
      { path: "/s.bill/1/note", value: '{"big": 12345678901234567890}' },
      { value: '{"big": 12345678901234567891}' },
    ]);
  });

  it("shows what a trigger makes of the row, and nothing where nothing changes", async () => {
    const also = ["s.log"];
    const traced = await run("s.traced", "update s.traced set n = 2 where id = 1", { also });
    expect(changeIn("s.traced", traced)).toMatchObject([
      { path: "/s.traced/1/n" },
      {},
      { path: "/s.traced/1/seen", value: "0" },
      { value: "1" },
    ]);
    const nobody = await run("s.bill", "delete from s.bill where id = 99");
    expect(changeIn("s.bill", nobody)).toEqual([]);
  });
});

describe("a write that reaches further than what is shown", () => {
  it.each([
    ["a foreign key that cascades", "s.bill", "delete from s.bill where id = 5", "s.line"],
    [
      "a trigger that writes elsewhere",
      "s.traced",
      "update s.traced set n = 2 where id = 1",
      "s.log",
    ],
    ["a rule that writes, too", "s.ruled", "update s.ruled set n = 2 where id = 1", "s.log"],
  ])("is refused, or declared: %s", async (_what, relation, text, also) => {
    expect(await run(relation, text)).toEqual(beyond);
    expect(await run(relation, text, {}, null)).toEqual(beyond);
    expect(await run(relation, text, { also: ["s.other"] })).toEqual(beyond);
    expect(await run(relation, text, { also: [also] })).toMatchObject({ ok: true });
    const left =
      "select (select count(*)::int from s.line) as lines, (select count(*)::int from s.log) as logs";
    const done = also === "s.line" ? { lines: 0, logs: 0 } : { lines: 2, logs: 1 };
    expect(await rows(left)).toEqual([{ lines: 2, logs: 0 }]);
    expect(await run(relation, text, { also: [also] }, null)).toMatchObject({ ok: true });
    expect(await rows(left)).toEqual([done]);
  });

  it.each([
    ["a trigger that changes other rows", "s.spread", "update s.spread set n = 2 where id = 1"],
    ["a trigger that makes a table", "s.builder", "update s.builder set n = 2 where id = 1"],
    ["a view", "s.shown", "update s.shown set n = 2 where id = 1"],
    ["a view whose trigger does nothing", "s.posing", "update s.posing set n = 2 where id = 1"],
    ["a table that inherits", "s.parent", "update s.parent set n = 3 where id = 2"],
  ])("is refused: %s", async (_what, relation, text) => {
    expect(await run(relation, text)).toEqual(beyond);
    // Whether the table behind is declared, or not.
    if (relation !== "s.parent" && relation !== "s.builder") {
      expect(await run(relation, text, { also: ["s.quiet"] })).toEqual(beyond);
    }
  });

  it("is not found in what a partition does, or an earlier write of the connection", async () => {
    expect(
      await run("s.bill", "update s.bill set status = 'x' where id = 1", {}, null),
    ).toMatchObject({ ok: true });
    const part = await run("s.part", "update s.part set n = 2 where id = 1", {}, null);
    expect(changeIn("s.part", part)).toHaveLength(2);
  });

  it("is refused where the key is none", async () => {
    const refused = { ok: false, code: "output_invalid", effect: "none" };
    expect(await run("s.loose", "update s.loose set n = 9 where id = 1")).toEqual(refused);
    expect(await run("s.loose", "update s.loose set n = 9 where n = 1")).toEqual(refused);
    expect(await run("s.loose", "delete from s.loose where n = 1")).toEqual(refused);
    expect(await run("s.loose", "insert into s.loose (n) values (1)")).toEqual(refused);
    expect(await run("s.loose", "update s.loose set n = 9 where id = 2")).toMatchObject({
      ok: true,
    });
  });
});
