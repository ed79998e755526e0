import { createHash } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { approvalOf } from "../acceptance/support/approval.ts";
import { changedBundle } from "../acceptance/support/bundle-folder.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { checked, figure } from "./checked.ts";
import { type Database, startDatabase } from "./database.ts";
import { type HostileText, hostileTexts } from "./hostile-sql.ts";
import { honestWrites, hostileWrites } from "./hostile-writes.ts";
import { layerFolder, type SqlTool } from "./layer.ts";
import { chainHolds, recordHolds } from "./witnesses.ts";

/** Of statements that never end by themselves; PGlite sleeps in this very process. */
const SLEEP_S = { real: 60, embedded: 3 };
/** Of those: the longest that a test waits. A connector has the more of it for saying that nothing happened. */
const BRIEF_MS = 2_500;
/** Of all others: no machine is so busy. */
const TIMEOUT_MS = 30_000;
const FILE = join(tmpdir(), `torture-39-${process.pid}`);

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Where a hostile text stands when it is a statement of the bundle. */
const PLACES = {
  /** A reading tool, at a connector that runs what it is sent. */
  read: { destination: "open", action: "read" },
  /** The same, at one that names its statements. */
  unlisted_read: { destination: "named", action: "read" },
  unlisted_write: { destination: "named", action: "mutate" },
  /** The same, at one that takes queries of listed columns only. */
  unfenced_read: { destination: "asked", action: "read" },
  /** A write that a human has to approve: here it is only previewed. */
  preview: { destination: "guarded", action: "mutate" },
  /** The query that looks what a write would change. */
  look: { destination: "open-writer", action: "mutate" },
} as const;
type Place = keyof typeof PLACES;

/**
 * Torture 39, against named statements, and against queries and writes of an agent's own: `COMMIT; DROP …`, data-modifying CTE, `pg_read_file`, `COPY … TO
 * PROGRAM`, `EXPLAIN ANALYZE DELETE`, leading comment, `pg_sleep`, `SET ROLE`, `pg_terminate_backend`,
 * `SELECT … FOR UPDATE`, `SELECT … INTO` → nothing written, statement timeout, connection discarded.
 */
describe("torture 39: SQL that wants to be more than it may", () => {
  const host: NodeHost = nodeHost();
  let database: Database;
  let world: World;
  let workflow: Workflow;
  let hostile: HostileText[];
  let untouched: unknown;
  let self: unknown;
  beforeAll(async () => {
    database = await startDatabase(tables);
    const { schema } = database;
    hostile = hostileTexts(schema, FILE, database.real ? SLEEP_S.real : SLEEP_S.embedded);
    const find = `select text from ${schema}.note where text = $1`;
    const add = `insert into ${schema}.note (text) values ($1) returning text`;
    const postgres = { kind: "postgres", network: "acme", tier: "confidential" };
    const bundled = ["open", "open-writer", "named", "named-writer", "guarded"];
    const columns = {
      id: { type: "integer" },
      text: { type: "text" },
      token: { type: "text", dataClass: "lab.secret" },
    };
    const relations = { [`${schema}.person`]: { dataClass: "lab.note", columns } };
    const query = { relations: Object.keys(relations) };
    const overlay = layerFolder({
      destinations: {
        ...Object.fromEntries(bundled.map((name) => [name, postgres])),
        asked: { ...postgres, relations },
        summed: { ...postgres, relations },
        written: { ...postgres, relations },
        rewritten: { ...postgres, relations },
      },
      tools: [
        tool("db_find", "named", "read", find, ["text"]),
        tool("db_add", "named-writer", "mutate", add, ["text"]),
        tool("db_pid", "open", "read", "select pg_backend_pid()::text as text"),
        tool("db_self", "open", "read", SELF),
        ...[TIMEOUT_MS, BRIEF_MS].map((timeoutMs) => ({
          ...{ id: timeoutMs === BRIEF_MS ? "db_ask_briefly" : "db_ask", destination: "asked" },
          ...{ action: "read" as const, query, timeoutMs },
        })),
        {
          ...{ id: "db_sum", destination: "summed", action: "summarize" },
          ...{ query: { ...query, minGroup: 3 }, timeoutMs: TIMEOUT_MS },
        },
        // The first waits for a human, the second writes what the first has shown.
        ...["written", "rewritten"].map((destination) => ({
          ...{ id: `db_${destination}`, destination, action: "mutate" as const },
          write: { relations: { [`${schema}.person`]: WRITABLE }, maxRows: 3 },
        })),
        ...hostile.filter(({ several }) => !several).flatMap(placed),
      ],
      actionPolicies: NEEDS_FINANCE,
    });
    // With the token, so that what keeps it here is the gateway.
    const listed = { [`${schema}.person`]: ["id", "text", "token"] };
    const writes = { [`${schema}.person`]: { ...WRITABLE, maxRows: 3 } };
    world = await startWorld("laboratory", host, {
      overlays: [overlay],
      connectors: () => [
        {
          ...{ name: "database", tenant: "acme", network: "acme", tier: "confidential" },
          destinations: {
            // One connection each: whatever stays behind meets the next request.
            open: database.destination("reader", "any", 1),
            "open-writer": database.destination("writer", "any", 1),
            guarded: database.destination("writer", "any", 1),
            named: database.destination("reader", [digest(find)], 1),
            asked: database.destination("reader", { relations: listed }, 1),
            summed: database.destination("reader", { relations: listed, minGroup: 3 }, 1),
            written: database.destination("writer", { relations: listed, writes }, 1),
            rewritten: database.destination("writer", { relations: listed, writes }, 1),
            "named-writer": database.destination("writer", [digest(add)], 1),
          },
          env: database.env,
        },
      ],
    });
    workflow = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    untouched = await everything();
    self = await text("db_self");
    expect(self).toContain(`${database.schema}_reader:on:`);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await database?.[Symbol.asyncDispose]();
    rmSync(FILE, { force: true });
  });

  it("as an argument it is a text: nothing else is found, and exactly it is written", async () => {
    const { schema } = database;
    for (const { name, text } of hostile) {
      expect(await workflow.call("db_find", { text }), name).toMatchObject({
        outcome: "ok",
        result: { value: { rows: [] } },
      });
      expect(await workflow.call("db_add", { text }), name).toMatchObject({
        outcome: "ok",
        result: { value: { rows: [{ text }] } },
      });
      expect(await workflow.call("db_find", { text }), name).toMatchObject({
        result: { value: { rows: [{ text }] } },
      });
    }
    const rows = await database.query(`select text from ${schema}.note order by id offset 3`);
    expect(rows.map(({ text }) => text)).toEqual(hostile.map(({ text }) => text));
    await database.query(`delete from ${schema}.note where id > 3`);
    expect(await everything()).toEqual(untouched);
  });

  it("as several statements of a bundle it is not published", async () => {
    const [find] = hostile.filter(({ several }) => several);
    const changed = changedBundle(
      world.bundle,
      join(world.folder, "several"),
      "tools/db_pid.jsonc",
      "select pg_backend_pid()::text as text",
      find!.text,
    );
    const { code, stdout } = await host.activate("acme", changed);
    expect(code).not.toBe(0);
    expect(stdout).toContain("tools/db_pid.jsonc");
    expect((await workflow.call("db_pid")).outcome).toBe("ok");
  });

  it.each<Place>(["unlisted_read", "unlisted_write", "unfenced_read"])(
    "as a statement that the connector does not name (%s) it does not reach the database",
    async (place) => {
      for (const one of statements()) {
        expect(await hit(place, one), one.name).toMatchObject({
          outcome: "failed",
          reason: { code: "destination_not_found" },
        });
      }
      expect(await everything()).toEqual(untouched);
    },
  );

  it("as the statement of a reading tool it writes nothing, ends in time and costs its connection", async () => {
    for (const one of statements()) {
      const before = await text("db_pid");
      const outcome = await hit("read", one);
      if (!one.harmless) refused(outcome, one);
      else expect(["ok", "failed"], one.name).toContain(outcome.outcome);
      await ended(one);
      // Whoever comes next has the rights and the settings that the connector gave it.
      expect(await text("db_self"), one.name).toBe(self);
      if (database.real && outcome.outcome === "failed") {
        expect(await text("db_pid"), `${one.name} kept its connection`).not.toBe(before);
      }
      expect(await everything(), one.name).toEqual(untouched);
    }
    figure("texts", statements().length);
  });

  it("as a query of the agent's own it is refused before anything leaves, and says why", async () => {
    const before = await text("db_pid");
    for (const { name, text: one } of hostile) {
      for (const id of ["db_ask", "db_sum"]) {
        const asking = await world.acme.open(world.agent, "dana", { purpose: "lab" });
        const outcome = await asking.call(id, { text: one });
        expect(outcome, name).toMatchObject({
          outcome: "failed",
          reason: { code: "invalid_arguments", at: ["/text"], why: { fix: expect.any(String) } },
        });
        expect(
          (await asking.events()).map(({ event }) => event.type),
          name,
        ).not.toContain("call.admitted");
      }
    }
    expect(await text("db_pid")).toBe(before);
    expect(await everything()).toEqual(untouched);
  });

  it.each([
    "select token from person",
    "select id from person where token like 'hush%'",
    "select id from person order by token",
    "select count(*) as n from person group by token",
    "select p.id, max(p.token) over () as m from person p",
    "select case when token is null then 0 else 1 end as c from person",
    "select x.t from (select token as t from person) x",
    "select x.token from (select * from person) x",
    "with t as (select * from person) select length(token) as l from t",
    "select id from person a join (select 'hush-1' as token) b using (token)",
    "select (select token from person b where b.id = a.id) as t from person a",
    "select id from person union select length(token) from person",
    "select string_agg(token, ',') as t from person",
  ])("a column that policy denies is not to be had: %s", async (one) => {
    const asking = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    const outcome = await asking.call("db_ask", { text: one });
    expect(outcome).toMatchObject({ outcome: "policy_denied", reason: { code: "data_denied" } });
  });

  it("a star, and whatever stands for a whole row, show the other columns at most", async () => {
    const asking = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    for (const one of [
      "select * from person",
      "select p.* from person p",
      "select x.* from (select * from person) x",
      "select p from person p",
      "select to_jsonb(p) as j from person p",
      "select (p).token from person p",
    ]) {
      const outcome = await asking.call("db_ask", { text: one });
      expect(["ok", "failed"]).toContain(outcome.outcome);
      expect(JSON.stringify(outcome), one).not.toContain("hush-");
      if (outcome.outcome === "ok") expect(JSON.stringify(outcome)).toContain("anna");
    }
  });

  it("as a write of the agent's own it is refused before anything leaves, and says why", async () => {
    const texts = [...hostileWrites(database.schema, FILE), ...hostile.map((one) => one.text)];
    for (const text of texts) {
      const writing = await world.acme.open(world.agent, "dana", { purpose: "lab" });
      expect(await writing.call("db_rewritten", { text }), text).toMatchObject({
        outcome: "failed",
        reason: { code: "invalid_arguments", at: ["/text"], why: { fix: expect.any(String) } },
      });
      const types = (await writing.events()).map(({ event }) => event.type);
      expect(types, text).not.toContain("call.admitted");
    }
    expect(await everything()).toEqual(untouched);
    figure("writes", texts.length);
  });

  it.each([
    "update person set token = 'x' where id = 1",
    "update person set text = token where id = 1",
    "update person set text = 'x' where token like 'hush%'",
    "update person p set text = 'x' where p.id = 1 and length(p.token) > 3",
    "delete from person where token is not null",
    "insert into person (id, text, token) values (9, 'x', 'y')",
  ])("a column that policy denies is neither written nor asked about: %s", async (text) => {
    const writing = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    expect(await writing.call("db_rewritten", { text })).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "data_denied" },
    });
    expect(await everything()).toEqual(untouched);
  });

  it("hides no write, and invents none: what a human is shown is what happens", async () => {
    for (const text of honestWrites(database.schema)) {
      const before = await everybody();
      const asking = await world.acme.open(world.agent, "dana", { purpose: "lab" });
      const asked = (
        await asking.request(
          "POST",
          "/calls",
          { tool: "db_written", arguments: { text } },
          { headers: { prefer: "wait=0" } },
        )
      ).body as Outcome;
      expect(asked.outcome, text).toBe("human_approval_required");
      expect(await everybody(), text).toEqual(before);
      expect((await asking.call("db_rewritten", { text })).outcome, text).toBe("ok");
      const after = await everybody();
      const shown = approvalOf(asked).proposedDiff;
      expect(shown, text).toEqual(differences(database.schema, before, after));
      await database.query(`delete from ${database.schema}.person; ${people(database.schema)}`);
    }
    expect(await everything()).toEqual(untouched);
  });

  it("a query that does not end is ended by the server", async () => {
    // Embedded, the database is this very process: it would stand still as long as the query runs.
    if (!database.real) return;
    const many = Array.from({ length: 32 }, (_, at) => `person p${at}`).join(", ");
    const asking = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    const outcome = await asking.call("db_ask_briefly", {
      text: `select count(*) as n from ${many} /* endless */`,
    });
    expect(outcome).toMatchObject({ outcome: "failed", reason: { code: "deadline_exceeded" } });
    const running = `select 1 from pg_stat_activity
      where state = 'active' and query like '%endless%' and pid <> pg_backend_pid()`;
    await until("endless", async () => (await database.query(running)).length === 0, 5);
  });

  it.each<Place>(["preview", "look"])(
    "as what a human would be shown (%s) it writes nothing, and ends in time",
    async (place) => {
      for (const one of statements()) {
        const outcome = await hit(place, one);
        expect(outcome.outcome, one.name).not.toBe("outcome_unknown");
        if (place === "look" && !one.harmless) refused(outcome, one);
        // It did run, and was taken back: what it would delete is what a human would be shown.
        if (place === "preview" && one.name === "a data-modifying CTE") {
          expect(outcome).toMatchObject({ outcome: "human_approval_required" });
          expect(JSON.stringify(outcome)).toContain('"op":"remove"');
        }
        await ended(one);
        expect(await everything(), one.name).toEqual(untouched);
      }
    },
  );

  it("leaves a record that verifies, and none of these texts in it", async () => {
    const events = await workflow.events();
    chainHolds(workflow, events);
    for (const { text: one } of hostile) expect(JSON.stringify(events)).not.toContain(one);
    for (const { name, stderr } of host.processes.values()) {
      expect(stderr, name).not.toMatch(/pg_read_file|drop table|etc\/passwd/i);
    }
    checked("I6");
    await host.gateway.stop();
    await recordHolds(host);
    figure("database", database.real ? "PostgreSQL" : "PGlite");
  });

  const statements = (): HostileText[] => hostile.filter(({ several }) => !several);

  const hit = (place: Place, { name }: HostileText): Promise<Outcome> =>
    workflow.call(`${place}_${slug(name)}`);

  function placed(one: HostileText): SqlTool[] {
    return (Object.keys(PLACES) as Place[]).map((place) => {
      const { destination, action } = PLACES[place];
      const id = `${place}_${slug(one.name)}`;
      const looked = `select text from ${database.schema}.note order by id`;
      const nothing = `update ${database.schema}.note set text = text where false returning text`;
      const brief = one.endless === true ? { timeoutMs: BRIEF_MS } : {};
      if (place === "look")
        return { ...tool(id, destination, action, nothing), ...brief, look: one.text };
      const made = { ...tool(id, destination, action, one.text), ...brief };
      return place === "preview" ? { ...made, look: looked } : made;
    });
  }

  /** Nothing happened, and it says so. */
  function refused(outcome: Outcome, { name, endless }: HostileText): void {
    const codes = endless
      ? ["deadline_exceeded"]
      : ["upstream_rejected", "output_invalid", "preview_unavailable"];
    expect(outcome.outcome, name).toBe("failed");
    expect(codes, name).toContain(outcome.reason?.code);
  }

  /** The server itself ends what takes too long. */
  async function ended({ name, endless }: HostileText): Promise<void> {
    if (!database.real || !endless) return;
    const running = `select 1 from pg_stat_activity
      where state = 'active' and query like '%pg_sleep%' and pid <> pg_backend_pid()`;
    await until(name, async () => (await database.query(running)).length === 0, 5);
  }

  async function text(tool: string): Promise<unknown> {
    const { result } = await workflow.call(tool);
    return (result?.value as { rows: { text: string }[] } | undefined)?.rows[0]?.text;
  }

  async function everybody(): Promise<readonly Person[]> {
    const { schema } = database;
    return (await database.query(
      `select id::text, text from ${schema}.person order by id`,
    )) as unknown as Person[];
  }

  /** Whatever any of them could have changed. */
  async function everything(): Promise<unknown> {
    const { schema } = database;
    const [rows] = await database.query(
      `select (select json_agg(note order by id) from ${schema}.note)::text as notes,
        (select json_agg(person order by id) from ${schema}.person)::text as people,
        (select json_agg(relname order by relname) from pg_class
          where relnamespace = '${schema}'::regnamespace)::text as relations,
        (select json_agg(rolname order by rolname) from pg_roles)::text as roles`,
    );
    return { ...rows, file: existsSync(FILE) };
  }
});

const SELF =
  "select concat_ws(':', current_user, current_setting('transaction_read_only'), current_setting('search_path')) as text";

const NEEDS_FINANCE = `
@id("guarded-needs-finance")
forbid (principal, action == Action::"mutate", resource)
when { [Destination::"guarded", Destination::"written"].contains(resource.destination) }
unless { context.approvals.contains("finance") };
`;

const people = (schema: string): string => `insert into ${schema}.person
  select n, (array['anna', 'bob', 'cleo'])[n], 'hush-' || n from generate_series(1, 3) n`;

const WRITABLE = {
  key: ["id"],
  insert: ["id", "text", "token"],
  update: ["text", "token"],
  delete: true,
};

interface Person {
  readonly id: string;
  readonly text: string;
}

/** RFC 6902 of the rows by their key, as nobody may see a token. */
function differences(
  schema: string,
  before: readonly Person[],
  after: readonly Person[],
): readonly object[] {
  const ids = [...new Set([...before, ...after].map(({ id }) => id))].sort();
  return ids.flatMap((id) => {
    const path = `/${schema}.person/${id}`;
    const [from, to] = [before, after].map((all) => all.find((one) => one.id === id));
    if (from === undefined) return [{ op: "add", path, value: { ...to, token: null } }];
    const gone = { op: "test", path, value: { ...from, token: null } };
    if (to === undefined) return [gone, { op: "remove", path }];
    if (from.text === to.text) return [];
    const text = `${path}/text`;
    return [
      { op: "test", path: text, value: from.text },
      { op: "replace", path: text, value: to.text },
    ];
  });
}

/** The function is the owner's: it may delete whatever the caller may not. */
const tables = (schema: string): string => `
  create table ${schema}.note (id serial primary key, text text not null);
  insert into ${schema}.note (text) values ('one'), ('two'), ('three');
  create table ${schema}.person
    (id int primary key, text text not null, token text not null default 'hush-new');
  ${people(schema)};
  create function ${schema}.burn() returns text language sql security definer volatile as
    'delete from ${schema}.note returning text';
`;

function tool(
  id: string,
  destination: string,
  action: "read" | "mutate",
  statement: string,
  params: readonly string[] = [],
): SqlTool {
  const sql = { statement, params };
  return { id, destination, action, sql, timeoutMs: TIMEOUT_MS, columns: ["text"] };
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]+/g, "_");
}
