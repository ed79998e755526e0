import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../src/connector/allow.ts";
import type { PostgresDestination } from "../../src/connector/config.ts";
import type { Execution } from "../../src/connector/executor.ts";
import { Journal } from "../../src/connector/journal.ts";
import { PostgresExecutor } from "../../src/connector/postgres.ts";
import { Secret } from "../../src/connector/secret.ts";
import { seenState } from "../../src/connector/seen.ts";
import {
  execution,
  lossyProxy,
  postgresDestination,
} from "../../src/connector/testing-postgres.ts";
import { observedChange } from "../../src/core/model/change.ts";
import { canonical, type Json } from "../../src/core/model/json.ts";
import type { PreviewSeal, SqlOperation } from "../../src/core/model/operation.ts";
import type { ConnectorAnswer } from "../../src/tunnel/protocol.ts";
import { postgresUrl } from "./server.ts";

const url = postgresUrl();
const stale = { ok: false, code: "preview_stale", effect: "none" };

function sealOf(before: readonly Json[], after: readonly Json[]): PreviewSeal {
  const { change } = observedChange({ rows: before }, { rows: after }, []);
  return { changes: sha256(canonical(change)), etag: null, salt: "5a".repeat(16) };
}

/** What the embedded database cannot show: concurrent transactions, their ends, roles. */
describe.runIf(url !== null)("an observed change on a real server", () => {
  const server = new URL(url ?? "postgres://localhost");
  const password = randomBytes(12).toString("hex");
  const name = `o${randomBytes(4).toString("hex")}`;
  let admin: postgres.Sql;
  let dir: string;
  const executors: PostgresExecutor[] = [];

  function executor(change: Partial<PostgresDestination> = {}): PostgresExecutor {
    const one = new PostgresExecutor(
      postgresDestination({
        host: server.hostname,
        port: Number(server.port),
        database: server.pathname.slice(1),
        user: `${name}_connector`,
        password: Secret.fixed(password),
        role: `${name}_clerk`,
        connections: 4,
        ...change,
      }),
    );
    executors.push(one);
    return one;
  }

  const observe = {
    statement: `select id, amount from ${name}.invoice order by id`,
    params: [],
    ignore: [],
  };
  const raise = {
    mode: "write",
    statement: `update ${name}.invoice set amount = amount + 10 where id = 1`,
    observe,
  } satisfies Partial<SqlOperation["sql"]>;
  const invoices = [
    { id: 1, amount: 100 },
    { id: 2, amount: 100 },
  ];
  const raised = sealOf(invoices, [{ id: 1, amount: 110 }, invoices[1]!]);

  /** Statements other than our own that run now. */
  const running = async (text: string): Promise<number> =>
    (
      await admin`select 1 from pg_stat_activity where state = 'active' and query like ${`%${text}%`} and pid <> pg_backend_pid()`
    ).length;
  const amounts = async (): Promise<unknown[]> =>
    (await admin.unsafe(`select amount from ${name}.invoice order by id`)).map(
      (row) => row["amount"] as unknown,
    );

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "postern-xid-"));
    admin = postgres(url ?? "", { max: 2, onnotice: () => undefined });
    await admin.unsafe(`
      create role ${name}_clerk nologin;
      create role ${name}_connector login password '${password}' noinherit;
      grant ${name}_clerk to ${name}_connector;
      create schema ${name};
      grant usage on schema ${name} to ${name}_clerk, ${name}_connector;
      create table ${name}.invoice (id int primary key, amount int);
      create table ${name}.refund (id serial primary key, invoice int, amount int);
      create table ${name}.salary (id int);
      insert into ${name}.salary values (1);
      grant select, insert, update, delete on ${name}.invoice, ${name}.refund to ${name}_clerk;
      grant usage on all sequences in schema ${name} to ${name}_clerk;
      grant select on ${name}.salary to ${name}_connector;
    `);
  });
  beforeEach(async () => {
    await admin.unsafe(`
      truncate ${name}.invoice, ${name}.refund restart identity;
      insert into ${name}.invoice values (1, 100), (2, 100);
    `);
  });
  // The server has few connections, and another file runs beside this one.
  afterEach(async () => {
    await Promise.all(executors.splice(0).map((one) => one.close()));
  });
  afterAll(async () => {
    await admin.unsafe(
      `drop schema ${name} cascade; drop role ${name}_connector; drop role ${name}_clerk`,
    );
    await admin.end();
    await rm(dir, { recursive: true, force: true });
  });

  it("is committed once, however many ask for it at the same time", async () => {
    const one = executor();
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => one.execute(execution(raise, { preview: raised }))),
    );
    expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
    for (const answer of answers) if (!answer.ok) expect(answer).toEqual(stale);
    expect(await amounts()).toEqual([110, 100]);
  });

  it("is committed once also where no two of them touch the same row", async () => {
    const one = executor();
    // Each would insert a row of its own: no lock stands between them, only what both have read.
    const refund = {
      mode: "write",
      statement: `insert into ${name}.refund (invoice, amount) values (1, 50)`,
      observe: {
        statement: `select invoice, amount from ${name}.refund where invoice = 1 order by id`,
        params: [],
        ignore: [],
      },
    } as const;
    const approved = sealOf([], [{ invoice: 1, amount: 50 }]);
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => one.execute(execution(refund, { preview: approved }))),
    );
    expect(answers.filter((answer) => answer.ok).length).toBeLessThanOrEqual(1);
    for (const answer of answers) if (!answer.ok) expect(answer).toEqual(stale);
    const again = await one.execute(execution(refund, { preview: approved }));
    const [refunds] = await admin.unsafe(`select count(*)::int as n from ${name}.refund`);
    expect(refunds).toEqual({ n: 1 });
    expect(again.ok).toBe(!answers.some((answer) => answer.ok));
  });

  it("is stale where somebody commits between the look and the statement", async () => {
    const one = executor();
    const marker = `lock_${name}`;
    let answer: Promise<ConnectorAnswer> | undefined;
    await admin.begin(async (sql) => {
      await sql.unsafe(`update ${name}.invoice set amount = 90 where id = 1`);
      const statement = `${raise.statement} /* ${marker} */`;
      answer = one.execute(execution({ ...raise, statement }, { preview: raised }));
      // It has looked, and waits for the row.
      while ((await running(marker)) === 0);
    });
    expect(await answer).toEqual(stale);
    expect(await amounts()).toEqual([90, 100]);
  });

  it("may be tried again where nobody approved anything", async () => {
    const one = executor();
    const answers = await Promise.all([1, 2, 3, 4].map(() => one.execute(execution(raise))));
    const made = answers.filter((answer) => answer.ok).length;
    expect(made).toBeGreaterThanOrEqual(1);
    for (const answer of answers) {
      if (!answer.ok) expect(answer).toEqual({ ok: false, code: "upstream_error", effect: "none" });
    }
    expect(await amounts()).toEqual([100 + 10 * made, 100]);
  });

  it("is not disturbed by previews, which leave no row and no lock behind", async () => {
    // None waits for more than one other: a preview gives up after a second.
    const one = executor({ connections: 2 });
    const asks: Promise<ConnectorAnswer>[] = [];
    for (let at = 0; at < 6; at++) asks.push(one.execute(execution(raise, { mode: "preview" })));
    for (const answer of await Promise.all(asks)) {
      // A preview that waited for another one's row sees it rolled back.
      expect(answer).toMatchObject({ ok: true, observed: { before: { rows: invoices } } });
    }
    expect(await amounts()).toEqual([100, 100]);
    expect(await one.execute(execution(raise, { preview: raised }))).toMatchObject({ ok: true });
    expect(await amounts()).toEqual([110, 100]);
  });

  it("is not previewed behind somebody's lock: who asked is told to come again", async () => {
    const one = executor();
    const { promise: done, resolve: release } = Promise.withResolvers<void>();
    const { promise: held, resolve: holds } = Promise.withResolvers<void>();
    const holder = admin.begin(async (sql) => {
      await sql.unsafe(`update ${name}.invoice set amount = amount where id = 1`);
      holds();
      await done;
    });
    await held;
    const preview = await one.execute(execution(raise, { mode: "preview" }));
    expect(preview).toEqual({ ok: false, code: "preview_unavailable", effect: "none" });
    release();
    await holder;
    expect(await one.execute(execution(raise, { mode: "preview" }))).toMatchObject({ ok: true });
  });

  it("leaves nothing of a preview but used numbers of sequences, as documented", async () => {
    const one = executor();
    const insert = {
      ...raise,
      statement: `insert into ${name}.refund (invoice, amount) values (1, 1)`,
    };
    expect(await one.execute(execution(insert, { mode: "preview" }))).toMatchObject({ ok: true });
    expect(await admin.unsafe(`select 1 from ${name}.refund`)).toHaveLength(0);
    const [next] = await admin.unsafe(`select nextval('${name}.refund_id_seq')::int as n`);
    expect(next).toEqual({ n: 2 });
  });

  it.each(["select set_config('role', 'none', false)", "select set_config('role', 'none', true)"])(
    "is not observed with other rights after %j",
    async (statement) => {
      const one = executor({ statements: "any" });
      const secret = {
        ...raise,
        statement,
        observe: {
          statement: `select current_user::text as u, has_table_privilege('${name}.salary', 'select') as may`,
          params: [],
          ignore: [],
        },
      };
      const seen = { rows: [{ u: `${name}_clerk`, may: false }] };
      for (const mode of ["preview", "execute"] as const) {
        const answer = await one.execute(execution(secret, { mode }));
        expect(answer).toMatchObject({ ok: true, observed: { before: seen, after: seen } });
      }
    },
  );

  it.each([
    "reset role",
    "set role none",
    "set local role none",
    "set session authorization default",
  ])("is none after %j, which is not about data", async (statement) => {
    const one = executor({ statements: "any" });
    for (const mode of ["preview", "execute"] as const) {
      expect(await one.execute(execution({ ...raise, statement }, { mode }))).toEqual({
        ok: false,
        code: "upstream_rejected",
        effect: "none",
      });
    }
  });

  it("is rolled back when it is cut, wherever it stands", async () => {
    for (const mode of ["preview", "execute"] as const) {
      const one = executor();
      const marker = `cut_${mode}_${name}`;
      const abort = new AbortController();
      const statement = `with w as (${raise.statement} returning 1) select pg_sleep(60) as ${marker} from w`;
      const answer = one.execute(
        execution({ ...raise, statement }, { mode, signal: abort.signal }),
      );
      while ((await running(marker)) === 0);
      abort.abort();
      expect(await answer).toEqual({ ok: false, code: "deadline_exceeded", effect: "none" });
      while ((await running(marker)) > 0);
    }
    expect(await amounts()).toEqual([100, 100]);
  });

  it("is resolved after a restart whose COMMIT lost its answer, or never arrived", async () => {
    const state = await mkdtemp(join(dir, "state-"));
    const journal = await Journal.open(state, "");
    const target = { host: server.hostname, port: Number(server.port) };
    for (const [at, when] of (["before", "after"] as const).entries()) {
      const proxy = await lossyProxy(join(dir, `.s.PGSQL.${at + 1}`), target, "commit", when);
      const through = executor({ host: dir, port: at + 1 });
      const entry = { call: `call_${when}`, txn: `txn_${when}`, record: "ab".repeat(32) };
      const line: Execution["journal"] = (xid) =>
        journal.started({ ...entry, transaction: { destination: "billing", xid: xid ?? "" } });
      const answer = await through.execute(execution(raise, { journal: line }));
      expect(answer).toEqual({ ok: false, code: "connection_terminated", effect: "possible" });
      journal.done(entry.call, "possible");
      await proxy.close();
    }
    await journal.close();
    const again = await Journal.open(state, "");
    const billing = new Map([["billing", executor()]]);
    const seen = async (call: string): Promise<string> => {
      for (;;) {
        const said = await seenState(again, billing, call);
        if (said !== "started") return said;
      }
    };
    expect(await seen("call_after")).toBe("committed");
    expect(await seen("call_before")).toBe("aborted");
    expect(await seen("call_never")).toBe("never");
    expect(await amounts()).toEqual([110, 100]);
    // Kept: the database forgets its oldest transactions.
    expect(again.seen("call_after")).toEqual({ state: "committed", transaction: null });
    await again.close();
  });

  it("has no end while it runs", async () => {
    const one = executor();
    const marker = `runs_${name}`;
    const abort = new AbortController();
    let xid = "";
    const statement = `with w as (${raise.statement} returning 1) select pg_sleep(60) as ${marker} from w`;
    const answer = one.execute(
      execution(
        { ...raise, statement },
        {
          signal: abort.signal,
          journal: (number) => {
            xid = number ?? "";
            return Promise.resolve(true);
          },
        },
      ),
    );
    while ((await running(marker)) === 0);
    const soon = (): AbortSignal => AbortSignal.timeout(5_000);
    expect(await one.endOf(xid, soon())).toBe("started");
    abort.abort();
    expect(await answer).toMatchObject({ effect: "none" });
    let end: string;
    do end = await one.endOf(xid, soon());
    while (end === "started");
    expect(end).toBe("aborted");
  });
});
