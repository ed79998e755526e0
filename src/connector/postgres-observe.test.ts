import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { observedChange } from "../core/model/change.ts";
import { canonical } from "../core/model/json.ts";
import type { PreviewSeal, SqlOperation } from "../core/model/operation.ts";
import { encode, parseToGateway } from "../tunnel/frames.ts";
import { MAX_OBSERVED_BYTES, type ConnectorAnswer } from "../tunnel/protocol.ts";
import { sha256 } from "./allow.ts";
import type { Execution } from "./executor.ts";
import { PostgresExecutor } from "./postgres.ts";
import { execution, lossyProxy, postgresDestination } from "./testing-postgres.ts";

let dir: string;
let db: PGlite;
let server: PGLiteSocketServer;
let executor: PostgresExecutor;
let journal: (string | null)[];

const observe = {
  statement: "select id, amount, updated from invoice where id <= $1 order by id -- all of it",
  params: [2],
  ignore: ["updated"],
};
/** Raises an amount; `updated` differs on every run. */
const raise = {
  mode: "write",
  statement: "update invoice set amount = amount + $1, updated = clock_timestamp() where id = 1",
  params: [10],
  observe,
} satisfies Partial<SqlOperation["sql"]>;
const before = { rows: [1, 2].map((id) => ({ id, amount: 100 })) };
const after = { rows: [{ id: 1, amount: 110 }, before.rows[1]!] };
const seal: PreviewSeal = {
  changes: sha256(canonical(observedChange(before, after, []).change)),
  etag: null,
  salt: "5a".repeat(16),
};
const stale = { ok: false, code: "preview_stale", effect: "none" };

const run = (
  sql: Partial<SqlOperation["sql"]>,
  change: Partial<Execution> = {},
): Promise<ConnectorAnswer> => {
  const line = (xid: string | null): Promise<boolean> => {
    journal.push(xid);
    return Promise.resolve(true);
  };
  return executor.execute(execution(sql, { journal: line, ...change }));
};
const preview = (sql: Partial<SqlOperation["sql"]>): Promise<ConnectorAnswer> =>
  run(sql, { mode: "preview" });

/** Through a transaction of its own: a rollback may be on its way. */
async function amounts(): Promise<unknown> {
  const statement = "select amount from invoice order by id";
  const answer = await executor.execute(execution({ statement }));
  if (!answer.ok) return answer;
  return (JSON.parse(answer.body) as { rows: { amount: number }[] }).rows.map((one) => one.amount);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-observe-"));
  db = await PGlite.create();
  await db.exec(`
    create table invoice (id int primary key, amount int, updated timestamptz default now(), data json);
    create table customer (id int primary key);
    create table late (id int references customer deferrable initially deferred);
    create table mirror (amount int);
    create function reflect() returns trigger language plpgsql as
      $$ begin insert into mirror values (new.amount); return null; end $$;
    create constraint trigger reflect after update on invoice deferrable initially deferred
      for each row execute function reflect();
    create function sneak() returns int language sql as
      $$ insert into mirror values (-1) returning 1 $$;
  `);
  server = new PGLiteSocketServer({ db, path: join(dir, ".s.PGSQL.5432"), maxConnections: 50 });
  await server.start();
  executor = new PostgresExecutor(postgresDestination({ host: dir }));
});
beforeEach(async () => {
  journal = [];
  const reset = [
    "delete from mirror",
    "delete from invoice",
    "insert into invoice values (1, 100), (2, 100)",
  ];
  for (const statement of reset) {
    expect(await executor.execute(execution({ statement, mode: "write" }))).toMatchObject({
      ok: true,
    });
  }
});
afterAll(async () => {
  await executor.close();
  await server.stop();
  await db.close();
  await rm(dir, { recursive: true, force: true });
});

describe("a preview", () => {
  it("shows the state before and after, and leaves it as it was", async () => {
    expect(await preview(raise)).toEqual({
      ok: true,
      status: 200,
      contentType: "application/json",
      encoding: "utf8",
      body: '{"rows":[]}',
      truncated: false,
      observed: { before, after },
    });
    expect(await amounts()).toEqual([100, 100]);
    // It takes no effect, so there is no transaction to ask about.
    expect(journal).toEqual([null]);
  });

  it("gives nothing of what the statement returns: only what is observed was asked for", async () => {
    const answer = await preview({ ...raise, statement: `${raise.statement} returning data, 'x'` });
    expect(answer).toMatchObject({ ok: true, body: '{"rows":[]}', observed: { after } });
  });

  it("waits for the journal, too", async () => {
    const none = { mode: "preview", journal: () => Promise.resolve(false) } as const;
    expect(await run(raise, none)).toEqual({
      ok: false,
      code: "audit_unavailable",
      effect: "none",
    });
  });

  it("shows what deferred triggers will do, and refuses what deferred constraints will", async () => {
    const mirrored = { statement: "select amount from mirror", params: [], ignore: [] };
    expect(await preview({ ...raise, observe: mirrored })).toMatchObject({
      observed: { before: { rows: [] }, after: { rows: [{ amount: 110 }] } },
    });
    const orphan = { ...raise, statement: "insert into late values ($1)" };
    expect(await preview(orphan)).toEqual({ ok: false, code: "upstream_rejected", effect: "none" });
  });

  it.each([
    ["commit", "commit"],
    ["commit and chain", "commit and chain"],
    ["end", "end; update invoice set amount = 0"],
    ["a way around the savepoint", "release savepoint postern"],
  ])("has no effect where its statement is %s", async (_name, statement) => {
    await preview({ ...raise, statement, params: [] });
    expect(await amounts()).toEqual([100, 100]);
  });

  it.each([
    ["commits", "commit"],
    ["closes the bracket", "select 1) as q; commit; select * from (select 1"],
    ["writes", "update invoice set amount = 0 returning id"],
    ["hides a write", "with w as (update invoice set amount = 0 returning id) select * from w"],
    ["writes through a function", "select sneak() as id"],
    ["locks", "select id from invoice for update"],
    ["copies", "copy invoice to stdout"],
    ["ends the subtransaction", "rollback to savepoint postern"],
  ])("observes nothing with a query that %s", async (_name, statement) => {
    const watched = { ...raise, observe: { statement, params: [], ignore: [] } };
    const refused = { ok: false, code: "upstream_rejected", effect: "none" };
    expect(await preview(watched)).toEqual(refused);
    expect(await run(watched)).toEqual(refused);
    expect(await amounts()).toEqual([100, 100]);
  });

  it("refuses to show a part: too many rows, too many bytes, one enormous value", async () => {
    const large = { ok: false, code: "preview_too_large", effect: "none" };
    const many = "select n from generate_series(1, 11) n";
    const wide = `select repeat('a', ${MAX_OBSERVED_BYTES}) as a`;
    const enormous = "select repeat('a', 10000000) as a";
    for (const statement of [many, wide, enormous]) {
      const watched = { ...raise, maxRows: 10, observe: { statement, params: [], ignore: [] } };
      expect(await preview(watched)).toEqual(large);
      // A change that cannot be observed is not made, approved or not.
      expect(await run(watched)).toEqual(large);
    }
    const fits = "select n from generate_series(1, 10) n";
    const watched = { ...raise, maxRows: 10, observe: { statement: fits, params: [], ignore: [] } };
    expect(await preview(watched)).toMatchObject({ ok: true });
    expect(await amounts()).toEqual([100, 100]);
  });

  it.each([
    ["names __proto__", `'{"__proto__":{"a":1}}'::json as a`],
    ["is too deep", "(repeat('[', 70) || repeat(']', 70))::json as a"],
    ["is half a character", `'"\\ud800"'::json as a`],
    ["stands in two columns of one name", "1 as a, 2 as a"],
  ])(
    "does not send a value that %s, which would end the session of everybody",
    async (_n, what) => {
      const watched = {
        ...raise,
        observe: { statement: `select ${what}`, params: [], ignore: [] },
      };
      const invalid = { ok: false, code: "output_invalid", effect: "none" };
      expect(await preview(watched)).toEqual(invalid);
      expect(await run(watched)).toEqual(invalid);
      expect(await amounts()).toEqual([100, 100]);
    },
  );

  it("sends what is just not too deep in a frame that is taken", async () => {
    const statement = "select (repeat('[', 58) || repeat(']', 58))::json as a";
    const watched = { ...raise, observe: { statement, params: [], ignore: [] } };
    const answer = await preview(watched);
    expect(answer).toMatchObject({ ok: true });
    const frame = encode({ t: "answer", id: "0", answer });
    expect(parseToGateway(frame ?? "")).not.toBeNull();
    const deeper = "select (repeat('[', 59) || repeat(']', 59))::json as a";
    expect(
      await preview({ ...watched, observe: { ...watched.observe, statement: deeper } }),
    ).toMatchObject({ code: "output_invalid" });
  });
});

describe("an execution", () => {
  it("commits exactly the approved change, and says what it saw", async () => {
    expect(await run(raise, { preview: seal })).toMatchObject({
      ok: true,
      observed: { before, after },
    });
    expect(await amounts()).toEqual([110, 100]);
  });

  it("changes nothing where it would be another change", async () => {
    const other = { ...raise, params: [11] };
    expect(await run(other, { preview: seal })).toEqual(stale);
    expect(await amounts()).toEqual([100, 100]);
    await run({ ...raise, params: [1] });
    // The same difference, from another state.
    expect(await run(raise, { preview: seal })).toEqual(stale);
    expect(await amounts()).toEqual([101, 100]);
  });

  it("commits an approved change once: the second time it starts from another state", async () => {
    const answers = await Promise.all([1, 2, 3].map(() => run(raise, { preview: seal })));
    expect(answers.filter((one) => one.ok)).toHaveLength(1);
    expect(answers.filter((one) => !one.ok)).toEqual([stale, stale]);
    expect(await amounts()).toEqual([110, 100]);
  });

  it("does not commit an approved change that it cannot observe", async () => {
    const { observe: _, ...blind } = raise;
    expect(await run(blind, { preview: seal })).toEqual(stale);
    expect(await amounts()).toEqual([100, 100]);
  });

  it("says what it saw also where nothing had to be approved", async () => {
    expect(await run(raise)).toMatchObject({ ok: true, observed: { before, after } });
    expect(await amounts()).toEqual([110, 100]);
  });

  it("gives its result beside what it saw", async () => {
    const answer = await run({ ...raise, statement: `${raise.statement} returning id` });
    expect(answer).toMatchObject({ body: '{"rows":[{"id":1}]}', observed: { after } });
  });

  it("journals the number of its transaction before its statement runs", async () => {
    const written = Promise.withResolvers<boolean>();
    const xids: (string | null)[] = [];
    const answer = run(raise, {
      journal: (xid) => {
        xids.push(xid);
        return written.promise;
      },
    });
    while (xids.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(xids).toEqual([expect.stringMatching(/^[0-9]+$/)]);
    written.resolve(false);
    expect(await answer).toEqual({ ok: false, code: "audit_unavailable", effect: "none" });
    expect(await amounts()).toEqual([100, 100]);
    expect(xids).toHaveLength(1);
  });
});

describe("the end of a transaction", () => {
  const soon = (): AbortSignal => AbortSignal.timeout(5_000);

  it("is what the database says", async () => {
    expect(await run({ ...raise, params: [1] })).toMatchObject({ ok: true });
    expect(await run(raise, { preview: seal })).toEqual(stale);
    const [committed, aborted] = journal;
    expect(await executor.endOf(committed ?? "", soon())).toBe("committed");
    expect(await executor.endOf(aborted ?? "", soon())).toBe("aborted");
  });

  it("is unknown for a number this database never gave, and claims nothing for nonsense", async () => {
    expect(await executor.endOf("999999999999", soon())).toBe("unknown");
    expect(await executor.endOf("0", soon())).toBe("unknown");
    expect(await executor.endOf("1; drop table invoice", soon())).toBe("unknown");
    expect(await amounts()).toEqual([100, 100]);
  });

  it("tells an answer lost after COMMIT from a COMMIT that never arrived", async () => {
    for (const [port, when, end] of [
      [7, "before", "aborted"],
      [8, "after", "committed"],
    ] as const) {
      const path = join(dir, `.s.PGSQL.${port}`);
      const proxy = await lossyProxy(path, join(dir, ".s.PGSQL.5432"), "commit", when);
      const through = new PostgresExecutor(postgresDestination({ host: dir, port }));
      let xid: string | null = null;
      const answer = await through.execute(
        execution(raise, {
          journal: (number) => {
            xid = number;
            return Promise.resolve(true);
          },
        }),
      );
      expect(answer).toEqual({ ok: false, code: "connection_terminated", effect: "possible" });
      await through.close();
      await proxy.close();
      let said: string;
      do said = await executor.endOf(xid ?? "", soon());
      while (said === "started");
      expect(said).toBe(end);
    }
    expect(await amounts()).toEqual([110, 100]);
  });

  it("is open where nobody can be asked in time", async () => {
    const nowhere = new PostgresExecutor(postgresDestination({ host: dir, port: 1 }));
    expect(await nowhere.endOf("731", soon())).toBe("started");
    expect(await executor.endOf("731", AbortSignal.abort())).toBe("started");
    const silent = await lossyProxy(join(dir, ".s.PGSQL.9"), join(dir, "nothing"), "no such word");
    const asking = new PostgresExecutor(postgresDestination({ host: dir, port: 9 }));
    expect(await asking.endOf("731", soon())).toBe("started");
    await asking.close();
    await silent.close();
  });
});
