import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { SqlOperation } from "../core/model/operation.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import type { PostgresDestination } from "./config.ts";
import type { Execution } from "./executor.ts";
import { PostgresExecutor } from "./postgres.ts";
import { countingProxy, execution, lossyProxy, postgresDestination } from "./testing-postgres.ts";

let dir: string;
let db: PGlite;
let server: PGLiteSocketServer;
let executor: PostgresExecutor;

const destination = (change: Partial<PostgresDestination> = {}): PostgresDestination =>
  postgresDestination({ host: dir, ...change });

const run = (
  sql: Partial<SqlOperation["sql"]>,
  change: Partial<Execution> = {},
): Promise<ConnectorAnswer> => executor.execute(execution(sql, change));

async function rows(
  sql: Partial<SqlOperation["sql"]>,
  change: Partial<Execution> = {},
): Promise<unknown> {
  const answer = await run(sql, change);
  expect(answer).toMatchObject({
    ok: true,
    status: 200,
    contentType: "application/json",
    encoding: "utf8",
  });
  return answer.ok ? (JSON.parse(answer.body) as { rows: unknown }).rows : null;
}

/** Through a transaction of its own: this server has one backend, and a rollback may be on its way. */
const count = async (): Promise<unknown> =>
  ((await rows({ statement: "select count(*) as n from item" })) as { n: unknown }[])[0]?.n;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-pglite-"));
  db = await PGlite.create();
  await db.exec(`
    create table item (id int primary key, name text, price numeric, secret text);
    create function upper(int) returns text language sql as $$ select 'trap' $$;
    insert into item select n, 'item ' || n, n + 0.5, 'secret ' || n from generate_series(1, 20) n;
  `);
  server = new PGLiteSocketServer({ db, path: join(dir, ".s.PGSQL.5432"), maxConnections: 50 });
  await server.start();
  executor = new PostgresExecutor(destination());
});
afterAll(async () => {
  await executor.close();
  await server.stop();
  await db.close();
  await rm(dir, { recursive: true, force: true });
});

describe("the Postgres executor", () => {
  it("answers rows as one JSON object", async () => {
    const answer = await run({ statement: "select id, name from item where id = $1", params: [7] });
    expect(answer).toEqual({
      ok: true,
      status: 200,
      contentType: "application/json",
      encoding: "utf8",
      body: '{"rows":[{"id":7,"name":"item 7"}]}',
      truncated: false,
    });
  });

  it("has this JSON for each type, as documented", async () => {
    const statement = `select
      1::int2 i2, 2147483647::int4 i4, 9007199254740991::int8 safe, 9007199254740992::int8 unsafe,
      12.50::numeric exact, 0.1::numeric tenth, 1234567890123456.7::numeric long, 'NaN'::numeric nan,
      1.5::float8 f, 'Infinity'::float8 inf, true yes, null::text nothing,
      '2026-11-22'::date d, '2026-11-22 10:20:30.123456+02'::timestamptz tz,
      '2026-11-22 10:20:30'::timestamp ts, '\\x00ff'::bytea b, '{"a":[1,"x"]}'::jsonb j,
      '{1,2,NULL}'::int[] ints, array['a,b','c"d','NULL',''] texts, '{{1,2},{3,4}}'::int[] nested,
      'abc'::varchar v, '12345678-1234-1234-1234-123456789012'::uuid u`;
    expect(await rows({ statement })).toEqual([
      {
        i2: 1,
        i4: 2_147_483_647,
        safe: 9_007_199_254_740_991,
        unsafe: "9007199254740992",
        exact: 12.5,
        tenth: 0.1,
        long: "1234567890123456.7",
        nan: "NaN",
        f: 1.5,
        inf: "Infinity",
        yes: true,
        nothing: null,
        d: "2026-11-22",
        tz: "2026-11-22T08:20:30.123456Z",
        ts: "2026-11-22T10:20:30",
        b: "AP8=",
        j: { a: [1, "x"] },
        ints: [1, 2, null],
        texts: ["a,b", 'c"d', "NULL", ""],
        nested: [
          [1, 2],
          [3, 4],
        ],
        v: "abc",
        u: "12345678-1234-1234-1234-123456789012",
      },
    ]);
  });

  it("binds parameters as values of the type the statement asks for", async () => {
    const statement =
      "select $1::int n, $2::text t, $3::bool b, $4::jsonb j, $5::text x, $6::timestamptz ts, $7::jsonb s";
    const params = [
      5,
      "'; drop table item; --",
      false,
      { a: [1] },
      null,
      "2026-01-02T03:04:05Z",
      "text",
    ];
    expect(await rows({ statement, params })).toEqual([
      {
        n: 5,
        t: "'; drop table item; --",
        b: false,
        j: { a: [1] },
        x: null,
        ts: "2026-01-02T03:04:05Z",
        s: "text",
      },
    ]);
    expect(
      await rows({
        statement: "select id from item where id = any($1) order by id",
        params: [[3, 5]],
      }),
    ).toEqual([{ id: 3 }, { id: 5 }]);
    expect(
      await rows({
        statement: "select id from item where name = any($1)",
        params: [["item 2", 'x"y']],
      }),
    ).toEqual([{ id: 2 }]);
  });

  it("shows row security who is asking, each time anew", async () => {
    const statement =
      "select current_setting('postern.human', true) h, current_setting('postern.agent', true) a, current_setting('postern.workflow', true) w";
    expect(await rows({ statement })).toEqual([{ h: "dana", a: "support-agent", w: "wf_1" }]);
    const other = { human: "another", agent: "billing-agent", workflow: "wf_2" };
    expect(await rows({ statement }, { principals: other })).toEqual([
      { h: "another", a: "billing-agent", w: "wf_2" },
    ]);
  });

  it.each([
    [1_234.9, { s: "1234ms", l: "1234ms", i: "2234ms" }],
    // 0 would be no limit.
    [0, { s: "1ms", l: "1ms", i: "1001ms" }],
  ])("lets a statement run and wait for %f ms, all that its call has left", async (left, told) => {
    const statement =
      "select current_setting('statement_timeout') s, current_setting('lock_timeout') l, " +
      "current_setting('idle_in_transaction_session_timeout') i";
    expect(await rows({ statement }, { remainingMs: () => left })).toEqual([told]);
  });

  it("fetches only the named columns of a read", async () => {
    const statement = "select id, name, secret from item where id <= 1 -- a comment";
    expect(await rows({ statement, columns: ["name", "id"] })).toEqual([{ name: "item 1", id: 1 }]);
    const quoted = 'select 1 as "a""b; drop table item"';
    expect(await rows({ statement: quoted, columns: ['a"b; drop table item'] })).toEqual([
      { 'a"b; drop table item': 1 },
    ]);
    expect(await run({ statement, columns: ["missing"] })).toMatchObject({
      code: "upstream_rejected",
    });
  });

  it("cuts at the row cap and says so, and at the cap exactly it does not", async () => {
    const statement = "select n from generate_series(1, 3) n";
    expect(await run({ statement, maxRows: 3 })).toMatchObject({ truncated: false });
    const cut = await run({ statement, maxRows: 2 });
    expect(cut).toMatchObject({ body: '{"rows":[{"n":1},{"n":2}]}', truncated: true });
    const many = await run({
      statement: "select n from generate_series(1, 100000) n",
      maxRows: 1_200,
    });
    expect(many).toMatchObject({ ok: true, truncated: true });
    expect(many.ok && (JSON.parse(many.body) as { rows: unknown[] }).rows).toHaveLength(1_200);
  });

  it("cuts at the byte cap between two rows", async () => {
    const statement = "select repeat('a', 100) as t from generate_series(1, 100)";
    const answer = await run({ statement }, { cap: 1_000 });
    expect(answer).toMatchObject({ ok: true, truncated: true });
    if (!answer.ok) return;
    expect(Buffer.byteLength(answer.body)).toBeLessThanOrEqual(1_000);
    expect((JSON.parse(answer.body) as { rows: unknown[] }).rows).toHaveLength(9);
  });

  it("cuts the connection where the server sends far more than any answer may hold", async () => {
    const statement = "select repeat('a', 5000000) as t";
    expect(await run({ statement }, { cap: 1_000 })).toEqual({
      ok: false,
      code: "response_too_large",
      effect: "none",
    });
    expect(await rows({ statement: "select 1 as one" })).toEqual([{ one: 1 }]);
  });

  it("writes only in write mode, and commits", async () => {
    const before = await count();
    const insert = { statement: "insert into item (id, name) values ($1, 'new')", params: [100] };
    expect(await run(insert)).toEqual({ ok: false, code: "upstream_rejected", effect: "none" });
    expect(await count()).toBe(before);
    expect(await rows({ ...insert, mode: "write" })).toEqual([]);
    expect(await count()).toBe(Number(before) + 1);
    const returning = "delete from item where id = 100 returning id, name";
    expect(await rows({ statement: returning, mode: "write" })).toEqual([{ id: 100, name: "new" }]);
  });

  it("rolls back what fails, and says that nothing happened", async () => {
    const statement = "insert into item (id) values (200), (1)";
    expect(await run({ statement, mode: "write" })).toEqual({
      ok: false,
      code: "upstream_rejected",
      effect: "none",
    });
    expect(await rows({ statement: "select id from item where id = 200" })).toEqual([]);
  });

  it.each([
    ["two statements", "select 1; delete from item"],
    ["a statement behind a comment", "/* */ commit; drop table item"],
    ["nonsense", "selec"],
    ["COPY", "copy item to stdout"],
    ["COPY FROM", "copy item from stdin"],
    ["a hidden write", "with gone as (delete from item returning 1) select * from gone"],
    ["a way out of READ ONLY", "set transaction read write"],
    ["FOR UPDATE", "select * from item for update"],
    ["INTO", "select * into copied from item"],
  ])("refuses %s in a read", async (_name, statement) => {
    const before = await count();
    const answer = await run({ statement });
    if (answer.ok) expect(answer.body).toBe('{"rows":[]}');
    else expect(answer).toEqual({ ok: false, code: "upstream_rejected", effect: "none" });
    expect(await count()).toBe(before);
    expect(await rows({ statement: "select 1 as one" })).toEqual([{ one: 1 }]);
  });

  it.each([
    ["keeps", "a value that does not fit", "select 1 / 0"],
    ["keeps", "a row that is there already", "insert into item (id) values (1)"],
    ["keeps", "rows past the cap", "select generate_series(1, 1000)"],
    ["gives up", "two statements", "select 1; delete from item"],
    ["gives up", "a hidden write", "with gone as (delete from item returning 1) table gone"],
    ["gives up", "the end of a transaction", "commit"],
    ["gives up", "another role", "set role none"],
    ["gives up", "a channel", "listen channel"],
    ["gives up", "what is not there", "select * from nowhere"],
  ])("%s its connection after %s", async (verdict, _name, statement) => {
    const mode =
      statement.startsWith("insert") || statement.startsWith("create") ? "write" : "read";
    const counting = await countingProxy(join(dir, ".s.PGSQL.5999"), join(dir, ".s.PGSQL.5432"));
    const one = new PostgresExecutor(destination({ port: 5_999, connections: 1 }));
    try {
      await one.execute(execution({ statement, mode }));
      const after = await one.execute(execution({ statement: "select 1 as one" }));
      expect(after).toMatchObject({ ok: true, body: '{"rows":[{"one":1}]}' });
      expect(counting.connections).toBe(verdict === "keeps" ? 1 : 2);
    } finally {
      await one.close();
      await counting.close();
    }
  });

  it.each(["commit", "set role none", "listen channel", "truncate item"])(
    "refuses %j, which is not about data, also in a write",
    async (statement) => {
      const refused = { ok: false, code: "upstream_rejected", effect: "none" };
      expect(await run({ statement, mode: "write" })).toEqual(refused);
    },
  );

  it("does not deliver two columns of one name, of which only one was classified", async () => {
    expect(await run({ statement: "select id, secret as id from item" })).toMatchObject({
      code: "output_invalid",
    });
    expect(await run({ statement: 'select 1 as "__proto__"' })).toMatchObject({
      code: "output_invalid",
    });
  });

  it("writes nothing before the journal is on disk, and answers nothing without it", async () => {
    const before = await count();
    const journal = (): Promise<boolean> => Promise.resolve(false);
    const insert = { statement: "insert into item (id) values (300)", mode: "write" } as const;
    const unavailable = { ok: false, code: "audit_unavailable", effect: "none" };
    expect(await run(insert, { journal })).toEqual(unavailable);
    expect(await run({ statement: "select 1" }, { journal })).toEqual(unavailable);
    expect(await count()).toBe(before);
  });

  it("commits nothing once it was aborted", async () => {
    const before = await count();
    const abort = new AbortController();
    const written = Promise.withResolvers<boolean>();
    const statement = "insert into item (id) values (400)";
    const answer = run(
      { statement, mode: "write" },
      { signal: abort.signal, journal: () => written.promise },
    );
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
    written.resolve(true);
    expect(await rows({ statement: "select 1 as one" })).toEqual([{ one: 1 }]);
    expect(await count()).toBe(before);
    const late = await run({ statement, mode: "write" }, { signal: AbortSignal.abort() });
    expect(late).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
  });

  it("lets a guarded statement call PostgreSQL's own functions only, whatever else answers to a name", async () => {
    const statement = `select upper(id) as t from (select "id" from "public"."item") i limit 1`;
    expect(await rows({ statement })).toEqual([{ t: "trap" }]);
    const relations = new Map([["public.item", new Set(["id"])]]);
    const guarded = new PostgresExecutor(
      destination({ statements: { relations, minGroup: null, writes: new Map() }, connections: 1 }),
    );
    try {
      expect(await guarded.execute(execution({ statement }))).toMatchObject({
        code: "upstream_rejected",
      });
      const honest = statement.replace("upper(id)", "upper(id::text)");
      expect(await guarded.execute(execution({ statement: honest }))).toMatchObject({
        body: '{"rows":[{"t":"1"}]}',
      });
      const path = execution({ statement: "select current_setting('search_path') as p" });
      expect(await guarded.execute(path)).toMatchObject({
        body: '{"rows":[{"p":"pg_catalog, pg_temp"}]}',
      });
    } finally {
      await guarded.close();
    }
  });

  it("serves more requests than it has connections", async () => {
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        rows({ statement: "select $1::int as n", params: [at] }),
      ),
    );
    expect(all).toEqual(Array.from({ length: 40 }, (_, n) => [{ n }]));
  });

  it("leaves nothing behind for the next request where any statement may run", async () => {
    const any = new PostgresExecutor(destination({ statements: "any", connections: 1 }));
    const ask = (statement: string): Promise<ConnectorAnswer> =>
      any.execute(execution({ statement }));
    await ask(
      "select set_config('search_path', 'nowhere', false), set_config('role', 'pg_monitor', false)",
    );
    const next = await ask("select current_setting('search_path') p, current_user::text u");
    expect(next).toMatchObject({ body: expect.stringContaining('"u":"postgres"') as string });
    expect(next).not.toMatchObject({ body: expect.stringContaining("nowhere") as string });
    await any.close();
  });
});

describe("a database that is not there, or goes away", () => {
  const servers: { server: Server; sockets: Socket[] }[] = [];
  afterEach(async () => {
    for (const { server: one, sockets } of servers.splice(0)) {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => one.close(resolve));
    }
  });

  async function fake(port: number, behave: (socket: Socket) => void): Promise<PostgresExecutor> {
    const sockets: Socket[] = [];
    const one = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => undefined);
      behave(socket);
    });
    await new Promise<void>((resolve) => one.listen(join(dir, `.s.PGSQL.${port}`), resolve));
    servers.push({ server: one, sockets });
    return new PostgresExecutor(destination({ port }));
  }

  it("is refused, with no effect", async () => {
    const nowhere = new PostgresExecutor(destination({ port: 1 }));
    expect(await nowhere.execute(execution({ statement: "select 1", mode: "write" }))).toEqual({
      ok: false,
      code: "connection_refused",
      effect: "none",
    });
  });

  it.each([
    ["closes at once", (socket: Socket) => socket.destroy()],
    [
      "closes after the first message",
      (socket: Socket) => socket.once("data", () => socket.destroy()),
    ],
    [
      "answers garbage",
      (socket: Socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad\r\n\r\n")),
    ],
  ])("is terminated when it %s", async (_name, behave) => {
    const broken = await fake(2, behave);
    const answer = await broken.execute(execution({ statement: "select 1", mode: "write" }));
    expect(answer).toEqual({ ok: false, code: "connection_terminated", effect: "none" });
    await broken.close();
  });

  it("has until the deadline to say something", async () => {
    const silent = await fake(3, () => undefined);
    const abort = new AbortController();
    const answer = silent.execute(execution({ statement: "select 1" }, { signal: abort.signal }));
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
    await silent.close();
  });

  it("leaves the effect open only where it is lost during COMMIT", async () => {
    for (const [word, effect] of [
      ["insert", "none"],
      ["commit", "possible"],
    ] as const) {
      const path = join(dir, `.s.PGSQL.${word === "insert" ? 4 : 5}`);
      const proxy = await lossyProxy(path, join(dir, ".s.PGSQL.5432"), word);
      const through = new PostgresExecutor(destination({ port: word === "insert" ? 4 : 5 }));
      const statement = "insert into item (id) values (500)";
      const answer = await through.execute(execution({ statement, mode: "write" }));
      expect(answer).toEqual({ ok: false, code: "connection_terminated", effect });
      await through.close();
      await proxy.close();
    }
  });

  it("tries again where an idle connection had been closed meanwhile", async () => {
    const path = join(dir, ".s.PGSQL.6");
    const proxy = await lossyProxy(path, join(dir, ".s.PGSQL.5432"), null);
    const through = new PostgresExecutor(destination({ port: 6 }));
    const one = execution({ statement: "select 1 as one" });
    expect(await through.execute(one)).toMatchObject({ ok: true });
    proxy.cutOnNextData();
    expect(await through.execute(one)).toMatchObject({ ok: true });
    await through.close();
    await proxy.close();
  });
});
