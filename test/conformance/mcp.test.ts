import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Processes } from "./processes.ts";
import { runSuite, type SuiteCheck } from "./suite.ts";
import { byName, type Expectation, expectedStatus, render, type Table } from "./table.ts";

/**
 * The official MCP suite, by both requirement sets that we serve, against Postern's own endpoint. The suite cannot send a credential, so it
 * runs through `postern connect`; everything behind that is the real thing.
 */
const tables = ["2026-07-28", "2025-11-25"].map(
  (revision) =>
    JSON.parse(
      readFileSync(join(import.meta.dirname, `expected-${revision}.json`), "utf8"),
    ) as Table,
);

const START_AND_RUN_TIMEOUT_MS = 360_000;

const root = mkdtempSync(join(tmpdir(), "postern-mcp-"));
const processes = new Processes(root);
let url = "";

beforeAll(async () => {
  url = await processes.start();
}, START_AND_RUN_TIMEOUT_MS);

afterAll(async () => {
  await processes.stop();
  rmSync(root, { recursive: true, force: true });
});

describe.each(tables.map((table) => [table.revision, table] as const))("MCP %s", (_, table) => {
  let found: ReadonlyMap<string, SuiteCheck> = new Map();
  beforeAll(async () => {
    const results = join(root, `results-${table.revision}`);
    mkdirSync(results);
    found = byName(await runSuite(url, table.revision, results));
  }, START_AND_RUN_TIMEOUT_MS);
  afterAll(() => {
    process.stdout.write(render(table, found));
  });

  describe.each(Object.entries(table.checks))("%s", (scenario, checks) => {
    it.each(Object.entries(checks).map(titled))("%s", (_title, check, expectation) => {
      const ran = found.get(`${scenario} ${check}`);
      expect(ran?.status, ran?.message).toBe(expectedStatus(expectation));
    });
  });

  it("knows every check that the suite runs", () => {
    const known = Object.entries(table.checks).flatMap(([scenario, checks]) =>
      Object.keys(checks).map((check) => `${scenario} ${check}`),
    );
    expect([...found.keys()].toSorted()).toEqual(known.toSorted());
  });

  it("has a reason for each check that cannot apply, and no reason that nothing needs", () => {
    const used = Object.values(table.checks)
      .flatMap((checks) => Object.values(checks))
      .flatMap((expectation) => (expectation === "passed" ? [] : [expectation.notTestable]));
    expect([...new Set(used)].toSorted()).toEqual(Object.keys(table.reasons).toSorted());
  });
});

function titled([check, expectation]: [string, Expectation]): [string, string, Expectation] {
  const why = expectation === "passed" ? "passes" : `cannot apply: ${expectation.notTestable}`;
  return [`${check} ${why}`, check, expectation];
}
