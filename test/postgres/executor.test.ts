import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PostgresDestination } from "../../src/connector/config.ts";
import { PostgresExecutor } from "../../src/connector/postgres.ts";
import { Secret } from "../../src/connector/secret.ts";
import { execution, postgresDestination } from "../../src/connector/testing-postgres.ts";
import type { ConnectorAnswer } from "../../src/tunnel/protocol.ts";
import { postgresUrl } from "./server.ts";
import { publicTls } from "../../src/connector/tls.ts";

const url = postgresUrl();

/** What the embedded database cannot show: roles, row security, timeouts, cancellation. */
describe.runIf(url !== null)("the Postgres executor against a real server", () => {
  const server = new URL(url ?? "postgres://localhost");
  const password = randomBytes(12).toString("hex");
  const name = `t${randomBytes(4).toString("hex")}`;
  let admin: postgres.Sql;
  const executors: PostgresExecutor[] = [];

  function executor(change: Partial<PostgresDestination> = {}): PostgresExecutor {
    const one = new PostgresExecutor(
      postgresDestination({
        host: server.hostname,
        port: Number(server.port),
        database: server.pathname.slice(1),
        user: `${name}_connector`,
        password: Secret.fixed(password),
        connections: 2,
        ...change,
      }),
    );
    executors.push(one);
    return one;
  }

  async function rows(answer: Promise<ConnectorAnswer>): Promise<unknown> {
    const got = await answer;
    return got.ok ? (JSON.parse(got.body) as { rows: unknown }).rows : got;
  }

  /** Statements other than our own that run now. */
  const running = async (text: string): Promise<number> =>
    (
      await admin`select 1 from pg_stat_activity where state = 'active' and query like ${`%${text}%`} and pid <> pg_backend_pid()`
    ).length;

  beforeAll(async () => {
    admin = postgres(url ?? "", { max: 2, onnotice: () => undefined });
    await admin.unsafe(`
      create role ${name}_reader nologin;
      create role ${name}_connector login password '${password}' noinherit;
      grant ${name}_reader to ${name}_connector;
      create schema ${name};
      grant usage on schema ${name} to ${name}_reader, ${name}_connector;
      create table ${name}.note (id int primary key, owner text, secret text);
      insert into ${name}.note values (1, 'dana', 's1'), (2, 'erik', 's2');
      alter table ${name}.note enable row level security;
      create policy own on ${name}.note using (owner = current_setting('postern.human', true));
      grant select (id, owner), insert, delete on ${name}.note to ${name}_reader;
      create table ${name}.late (id int primary key references ${name}.note deferrable initially deferred);
      grant insert, select on ${name}.late to ${name}_reader;
      create table ${name}.held (id int primary key, what text);
      insert into ${name}.held values (1, 'before');
      grant select, insert, update on ${name}.held to ${name}_reader;
    `);
  });
  afterAll(async () => {
    await Promise.all(executors.map((one) => one.close()));
    await admin.unsafe(
      `drop schema ${name} cascade; drop role ${name}_connector; drop role ${name}_reader`,
    );
    await admin.end();
  });

  it("acts as the configured role, for one transaction", async () => {
    const reader = executor({ role: `${name}_reader` });
    const statement = "select current_user::text as u, session_user::text as s";
    expect(await rows(reader.execute(execution({ statement })))).toEqual([
      { u: `${name}_reader`, s: `${name}_connector` },
    ]);
    const plain = executor();
    expect(await rows(plain.execute(execution({ statement })))).toEqual([
      { u: `${name}_connector`, s: `${name}_connector` },
    ]);
    const missing = executor({ role: "pg_read_server_files" });
    expect(await missing.execute(execution({ statement }))).toEqual({
      ok: false,
      code: "upstream_rejected",
      effect: "none",
    });
  });

  it("shows each principal only the rows of row security", async () => {
    const reader = executor({ role: `${name}_reader` });
    const statement = `select id, owner from ${name}.note`;
    expect(await rows(reader.execute(execution({ statement })))).toEqual([
      { id: 1, owner: "dana" },
    ]);
    const principals = { human: "erik", agent: "support-agent", workflow: "wf_1" };
    expect(await rows(reader.execute(execution({ statement }, { principals })))).toEqual([
      { id: 2, owner: "erik" },
    ]);
    const nobody = { human: "' or true --", agent: "a", workflow: "w" };
    expect(await rows(reader.execute(execution({ statement }, { principals: nobody })))).toEqual(
      [],
    );
  });

  it("keeps to the role's own grants, and fetches no column it was not asked for", async () => {
    const reader = executor({ role: `${name}_reader` });
    const all = `select id, secret from ${name}.note`;
    expect(await reader.execute(execution({ statement: all }))).toMatchObject({
      code: "upstream_rejected",
      effect: "none",
    });
    const some = `select id, owner from ${name}.note`;
    expect(await rows(reader.execute(execution({ statement: some, columns: ["id"] })))).toEqual([
      { id: 1 },
    ]);
  });

  it("lets the server end a statement at its deadline", async () => {
    const one = executor();
    const answer = await one.execute(
      execution({ statement: "select pg_sleep(60)" }, { remainingMs: () => 200 }),
    );
    expect(answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
    expect(await rows(one.execute(execution({ statement: "select 1 as one" })))).toEqual([
      { one: 1 },
    ]);
  });

  it("cancels the statement at the server when the request is cut", async () => {
    const one = executor();
    const abort = new AbortController();
    const marker = `cut_${name}`;
    const statement = `select pg_sleep(60) as ${marker}`;
    const answer = one.execute(execution({ statement }, { signal: abort.signal }));
    while ((await running(marker)) === 0);
    abort.abort();
    expect(await answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
    while ((await running(marker)) > 0);
  });

  it("leaves a write undone that is cut before its COMMIT", async () => {
    const one = executor({ role: `${name}_reader` });
    const abort = new AbortController();
    const marker = `write_${name}`;
    const statement = `with slow as (select pg_sleep(60) as ${marker}), new as (insert into ${name}.note (id, owner) values (50, 'dana')) select * from slow`;
    const answer = one.execute(execution({ statement, mode: "write" }, { signal: abort.signal }));
    while ((await running(marker)) === 0);
    abort.abort();
    expect(await answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
    while ((await running(marker)) > 0);
    expect(await admin.unsafe(`select id from ${name}.note where id = 50`)).toHaveLength(0);
  });

  describe("a write of a row that somebody else holds", () => {
    const waits = (marker: string): string =>
      `insert into ${name}.held values (1, '${marker}') on conflict (id) do update set what = excluded.what`;
    /** Longer than a busy machine takes to see that somebody waits. */
    const LONG = { remainingMs: () => 60_000 };
    /** Held until `release`; the write stands behind it, and the server says so. */
    async function behind(
      marker: string,
      change: Parameters<typeof execution>[1] = {},
    ): Promise<{
      readonly answer: Promise<ConnectorAnswer>;
      readonly release: () => Promise<void>;
    }> {
      const { promise: released, resolve } = Promise.withResolvers<void>();
      const { promise: taken, resolve: take } = Promise.withResolvers<void>();
      const holder = admin.begin(async (sql) => {
        await sql.unsafe(`select 1 from ${name}.held where id = 1 for update`);
        take();
        await released;
      });
      await taken;
      const one = executor({ role: `${name}_reader`, connections: 1 });
      const statement = waits(marker);
      const answer = one.execute(execution({ statement, mode: "write" }, change));
      const release = async (): Promise<void> => {
        resolve();
        await holder;
        // The connection is whole: the next one to need it is not the one that waits.
        expect(await rows(one.execute(execution({ statement: "select 1 as one" })))).toEqual([
          { one: 1 },
        ]);
      };
      return { answer, release };
    }
    const waiting = async (marker: string): Promise<number> =>
      (
        await admin`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like ${`%${marker}%`}`
      ).length;
    const what = async (): Promise<unknown> =>
      (await admin.unsafe(`select what from ${name}.held`))[0]?.["what"];

    it("ends at its deadline, undone, while the row is still held", async () => {
      const { answer, release } = await behind("late", { remainingMs: () => 300 });
      expect(await answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
      while ((await waiting("late")) > 0);
      expect(await what()).toBe("before");
      await release();
      expect(await what()).toBe("before");
    });

    it("is cancelled at the server when it is cut, and does not come after", async () => {
      const abort = new AbortController();
      const { answer, release } = await behind("cut", { signal: abort.signal, ...LONG });
      while ((await waiting("cut")) === 0);
      abort.abort();
      expect(await answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
      while ((await waiting("cut")) > 0);
      await release();
      expect(await what()).toBe("before");
    });

    it("is done when the row is let go in time", async () => {
      const { answer, release } = await behind("in time", LONG);
      while ((await waiting("in time")) === 0);
      await release();
      expect(await answer).toMatchObject({ ok: true });
      expect(await what()).toBe("in time");
    });
  });

  it("says that nothing happened where COMMIT itself is refused", async () => {
    const one = executor({ role: `${name}_reader` });
    const statement = `insert into ${name}.late values (999)`;
    expect(await one.execute(execution({ statement, mode: "write" }))).toEqual({
      ok: false,
      code: "upstream_rejected",
      effect: "none",
    });
    expect(await admin.unsafe(`select id from ${name}.late`)).toHaveLength(0);
    expect(await rows(one.execute(execution({ statement: "select 1 as one" })))).toEqual([
      { one: 1 },
    ]);
  });

  it("survives an administrator who ends its connections", async () => {
    const one = executor({ connections: 1 });
    const pid = async (): Promise<unknown> =>
      rows(one.execute(execution({ statement: "select pg_backend_pid() as pid" })));
    const [first] = (await pid()) as { pid: number }[];
    await admin`select pg_terminate_backend(${first?.pid ?? 0})`;
    const [second] = (await pid()) as { pid: number }[];
    expect(second?.pid).not.toBe(first?.pid);
    const marker = `killed_${name}`;
    const answer = one.execute(execution({ statement: `select pg_sleep(60) as ${marker}` }));
    while ((await running(marker)) === 0);
    await admin`select pg_terminate_backend(pid) from pg_stat_activity where query like ${`%${marker}%`} and pid <> pg_backend_pid()`;
    expect(await answer).toEqual({ ok: false, code: "connection_terminated", effect: "none" });
    expect(await rows(one.execute(execution({ statement: "select 1 as one" })))).toEqual([
      { one: 1 },
    ]);
  });

  it("is refused with a wrong password, and says no more than that", async () => {
    const one = executor({ password: Secret.fixed("wrong") });
    expect(await one.execute(execution({ statement: "select 1" }))).toEqual({
      ok: false,
      code: "upstream_rejected",
      effect: "none",
    });
  });

  it("refuses a server that does not encrypt where encryption was asked for", async () => {
    const one = executor({ tls: publicTls });
    expect(await one.execute(execution({ statement: "select 1" }))).toEqual({
      ok: false,
      code: "tls_certificate_error",
      effect: "none",
    });
  });

  it.each(["explain analyze delete from", "with gone as (delete from", "/* */ delete from"])(
    "does not let a read %s",
    async (statement) => {
      const one = executor({ role: `${name}_reader`, statements: "any" });
      const rest = statement.startsWith("with")
        ? `${name}.note returning 1) select * from gone`
        : `${name}.note`;
      expect(await one.execute(execution({ statement: `${statement} ${rest}` }))).toEqual({
        ok: false,
        code: "upstream_rejected",
        effect: "none",
      });
      expect(await admin.unsafe(`select id from ${name}.note`)).toHaveLength(2);
    },
  );

  it.each([
    "commit",
    "rollback",
    "set role postgres",
    "set session authorization default",
    "reset role",
    `set local search_path = ${name}`,
    "begin",
    "select pg_catalog.set_config('role', 'none', false)",
    "select pg_advisory_lock(1)",
    "listen channel",
    "deallocate all",
    "discard all",
    `create temp table leak as select 1`,
    "copy (select 1) to program 'true'",
    "select * from pg_read_file('/etc/passwd')",
    "do $$ begin perform 1; end $$",
  ])("lets %j change nothing for the next request", async (statement) => {
    const one = executor({ role: `${name}_reader`, statements: "any", connections: 1 });
    await one.execute(execution({ statement }));
    await one.execute(execution({ statement, mode: "write" }));
    const probe =
      "select current_user::text as u, current_setting('search_path') as p, (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks, (select count(*) from pg_listening_channels()) as channels";
    expect(await rows(one.execute(execution({ statement: probe })))).toEqual([
      { u: `${name}_reader`, p: '"$user", public', locks: 0, channels: 0 },
    ]);
    expect(await admin.unsafe(`select id from ${name}.note`)).toHaveLength(2);
  });
});
