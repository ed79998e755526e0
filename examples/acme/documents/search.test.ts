import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PostgresExecutor } from "../../../src/connector/postgres.ts";
import { execution, postgresDestination } from "../../../src/connector/testing-postgres.ts";
import type { JsonObject } from "../../../src/core/model/json.ts";
import type { RedactionPlan } from "../../../src/core/model/policy.ts";
import type { Finished, RawAnswer, ToolRuntime } from "../../../src/gateway/ports.ts";
import { checkBundle } from "../../../src/policy/bundle/check.ts";
import { textStatement } from "../../../src/policy/bundle/search-statement.ts";
import { readBundleFolder } from "../../../src/policy/bundle/read-folder.ts";
import { toolRuntime } from "../../../src/tools/runtime.ts";
import { PageIndex, type Hit, type Question } from "./index.ts";
import { PAGE_CLASSES, type Page } from "./page.ts";
import { pages } from "./pages.ts";
import { PLANTED_FOR_TEXT, PLANTED_FOR_VECTORS, type Planted } from "./testing-planted.ts";
import { DIMENSIONS, rowOf } from "./vectors.ts";

/** How far down the right page may stand. */
const TOP = 5;

const library = pages();
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const allowing = (...classes: readonly string[]): RedactionPlan =>
  Object.fromEntries(
    ["document.reference", "document.snippet", ...PAGE_CLASSES].map((name) => [
      name,
      { allow: classes.includes(name), ruleIds: ["r"] },
    ]),
  );
const ALL = allowing("document.reference", "document.snippet", ...PAGE_CLASSES);

/** The same pages, each under the name of another: nobody finds anything there but by luck. */
const SHUFFLED = "shuffled";
const shuffled: readonly Page[] = library.map((page, at) => {
  const { title, text } = library[(at + Math.floor(library.length / 3)) % library.length]!;
  return { ...page, title, text, tenant: SHUFFLED };
});

async function runtimeOf(tool: string): Promise<ToolRuntime> {
  const checked = checkBundle(await readBundleFolder(join(import.meta.dirname, "..", "bundle")));
  const description = checked.ok
    ? checked.bundle.tools.find((one) => one.tool.id === tool)
    : undefined;
  if (description === undefined) throw new Error(`no tool ${tool}`);
  return toolRuntime(description, sha256);
}

type Find = (
  query: string,
  plan?: RedactionPlan,
  more?: JsonObject,
  tenant?: string,
) => Promise<Finished>;

function rows(finished: Finished): readonly Hit[] {
  if (!finished.ok || finished.result.kind !== "json") throw new Error(JSON.stringify(finished));
  return (finished.result.value as unknown as { rows: readonly Hit[] }).rows;
}

async function misses(
  find: Find,
  planted: readonly Planted[],
  tenant = "acme",
): Promise<readonly string[]> {
  const missed: string[] = [];
  for (const { question, page } of planted) {
    const found = rows(await find(question, ALL, { limit: TOP }, tenant));
    if (!found.some(({ id }) => id === page)) missed.push(question);
  }
  return missed;
}

describe("the library", () => {
  it("holds at least 200 pages, of every kind, each under a name of its own", () => {
    expect(library.length).toBeGreaterThanOrEqual(200);
    expect(new Set(library.map(({ id }) => id)).size).toBe(library.length);
    for (const kind of ["acme-handbook/", "globex-handbook/", "postern/", "packages/"]) {
      expect(library.some(({ id }) => id.startsWith(kind))).toBe(true);
    }
    expect(new Set(library.map((page) => page.class))).toEqual(new Set(PAGE_CLASSES));
  });

  it("has twenty planted questions for each way to search, and their pages", () => {
    for (const planted of [PLANTED_FOR_TEXT, PLANTED_FOR_VECTORS]) {
      expect(new Set(planted.map(({ question }) => question)).size).toBe(20);
      const known = new Set(library.map(({ id }) => id));
      expect(planted.map(({ page }) => page).filter((page) => !known.has(page))).toEqual([]);
    }
  });
});

describe("full text", () => {
  let runtime: ToolRuntime;
  let index: PageIndex;
  beforeAll(async () => {
    runtime = await runtimeOf("documents_search");
    index = new PageIndex([...library, ...shuffled]);
  });
  afterAll(() => index.close());

  /** As the tool asks, and as its answer is finished; in between is the service's own index. */
  const find: Find = (query, plan = ALL, more = {}, tenant = "acme") => {
    const { body } = runtime.request({ query, ...more }, plan, tenant);
    const found = index.search(JSON.parse(body ?? "") as Question);
    return Promise.resolve(runtime.finish(answerOf({ rows: found }), plan, {}));
  };

  it("finds the right page among the first five for every planted question", async () => {
    expect(await misses(find, PLANTED_FOR_TEXT)).toEqual([]);
  });

  it("does not, in a shuffled index", async () => {
    const missed = await misses(find, PLANTED_FOR_TEXT, SHUFFLED);
    expect(missed.length).toBeGreaterThanOrEqual(18);
  });

  it("finds nothing where there is no word, and takes no word for an operator", async () => {
    expect(rows(await find("?!"))).toEqual([]);
    for (const query of ['refund" OR "', "refund NOT refund", "title:refund", "refund*", "NEAR("]) {
      expect(Array.isArray(rows(await find(query)))).toBe(true);
    }
  });
});

describe("vectors", () => {
  let dir: string;
  let db: PGlite;
  let server: PGLiteSocketServer;
  let executor: PostgresExecutor;
  let find: Find;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "postern-pgvector-"));
    db = await PGlite.create({ extensions: { vector } });
    await db.exec(`
      create extension vector;
      create schema acme;
      create table acme.pages (
        id text, title text, text text, tenant text, class text,
        embedding vector(${DIMENSIONS}), words tsvector
      )`);
    const from = "jsonb_populate_recordset(null::acme.pages, $1::jsonb)";
    const all = JSON.stringify([...library, ...shuffled].map(rowOf));
    await db.query(`insert into acme.pages select * from ${from}`, [all]);
    await db.exec(`update acme.pages set words = to_tsvector('english', title || ' ' || text)`);
    server = new PGLiteSocketServer({ db, path: join(dir, ".s.PGSQL.5432"), maxConnections: 8 });
    await server.start();
    const embedding = { kind: "hashed-ngrams", dimensions: DIMENSIONS } as const;
    executor = new PostgresExecutor(postgresDestination({ host: dir, embedding }));
    const runtime = await runtimeOf("documents_similar");
    find = async (query, plan = ALL, more = {}, tenant = "acme") => {
      const { operation } = runtime.request({ query, ...more }, plan, tenant);
      if (!("sql" in operation)) throw new Error("not sql");
      const answer = await executor.execute(execution(operation.sql));
      if (!answer.ok) throw new Error(answer.code);
      return runtime.finish(answer, plan, {});
    };
  });
  afterAll(async () => {
    await executor.close();
    await server.stop();
    await db.close();
    await rm(dir, { recursive: true, force: true });
  });

  it("find the right page among the first five for every planted question", async () => {
    expect(await misses(find, PLANTED_FOR_VECTORS)).toEqual([]);
  });

  it("keep the scores, best first, and give as many hits as are wanted, never more than ten", async () => {
    const scores = rows(await find("refunding invoices")).map(({ score }) => score);
    expect(scores).toHaveLength(10);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores[0]).toBeGreaterThan(0.3);
    expect(rows(await find("refunding invoices", ALL, { limit: 3 }))).toHaveLength(3);
    expect(rows(await find("refunding invoices", ALL, { limit: 99 }))).toHaveLength(10);
  });

  it("show excerpts, and null where excerpts are withheld: they are not even fetched", async () => {
    const [shown] = rows(await find("partially refunded invoices"));
    expect(shown?.snippet.length).toBeGreaterThan(40);
    expect(shown?.snippet.length).toBeLessThanOrEqual(500);
    const plan = allowing("document.reference", ...PAGE_CLASSES);
    const withheld = await find("partially refunded invoices", plan);
    expect(rows(withheld)[0]).toEqual({ ...shown, snippet: null });
    expect(withheld.ok && withheld.counts).toEqual([
      { path: "/rows/*/snippet", dataClass: "document.snippet", count: 10 },
    ]);
  });

  it("do not look through what is denied, and through no other tenant's pages", async () => {
    const question = "salary bands of engineering";
    const everything = rows(await find(question)).map(({ id }) => id);
    expect(everything).toContain("acme-handbook/salaries#bands-of-engineering");
    expect(everything.filter((id) => id.startsWith("globex"))).toEqual([]);
    const plan = allowing("document.reference", "document.snippet", "document.public");
    const found = await find(question, plan);
    expect(new Set(rows(found).map((hit) => hit.class))).toEqual(new Set(["document.public"]));
    expect(rows(found)).toHaveLength(10);
    // Nothing had to be taken out afterwards.
    expect(found).toMatchObject({ dropped: 0 });
  });

  it("have a sister: full text in the same table, by the statement that a tool file stands for", async () => {
    const statement = textStatement(
      {
        relation: { schema: "acme", name: "pages" },
        columns: {
          ...{ id: "id", title: "title", text: "text", class: "class", tenant: "tenant" },
          index: "words",
        },
      },
      "english",
    );
    const ask = async (query: string, classes: readonly string[]): Promise<readonly Hit[]> => {
      const sql = { statement, params: [query, "acme", classes, 3], maxRows: 3 };
      const answer = await executor.execute(execution(sql));
      if (!answer.ok) throw new Error(answer.code);
      return (JSON.parse(answer.body) as { rows: readonly Hit[] }).rows;
    };
    const found = await ask("refund approves euros", PAGE_CLASSES);
    expect(found[0]).toMatchObject({
      id: "acme-handbook/refunds#who-may-refund-how-much",
      class: "document.internal",
    });
    expect(found[0]?.snippet).toContain("approves it in Postern");
    expect(found[0]?.snippet).not.toContain("<b>");
    expect(found[0]?.score).toBeGreaterThan(0);
    expect(await ask("refund approves euros", ["document.public"])).toEqual([]);
    expect(await ask("salary OR bands", ["document.internal"])).toEqual([]);
    expect(await ask(`'); drop table acme.pages; --`, PAGE_CLASSES)).toEqual([]);
  });

  it("do not find it in a shuffled index", async () => {
    const missed = await misses(find, PLANTED_FOR_VECTORS, SHUFFLED);
    expect(missed.length).toBeGreaterThanOrEqual(18);
  });
});

function answerOf(value: unknown): RawAnswer {
  const body = JSON.stringify(value);
  return { status: 200, contentType: "application/json", encoding: "utf8", body, truncated: false };
}
