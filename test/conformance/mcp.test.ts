import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ERAS } from "../acceptance/support/mcp.ts";
import { type Endpoints, Processes } from "./processes.ts";
import { runSuite, type SuiteCheck } from "./suite.ts";
import {
  byName,
  differences,
  type Expectation,
  expectedStatus,
  ofTools,
  render,
  type Table,
} from "./table.ts";

/**
 * The official MCP suite, by both requirement sets that we serve, against Postern's own endpoint and against the MCP server behind it. The suite
 * cannot send a credential, so it runs through `postern connect`; everything behind that is the real thing.
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
let endpoints: Endpoints;

beforeAll(async () => {
  endpoints = await processes.start();
}, START_AND_RUN_TIMEOUT_MS);

afterAll(async () => {
  await processes.stop();
  rmSync(root, { recursive: true, force: true });
});

describe.each(tables.map((table) => [table.revision, table] as const))("MCP %s", (_, table) => {
  let found: ReadonlyMap<string, SuiteCheck> = new Map();
  let direct: ReadonlyMap<string, SuiteCheck> = new Map();
  const run = async (side: keyof Endpoints): Promise<ReadonlyMap<string, SuiteCheck>> => {
    const results = join(root, `results-${table.revision}-${side}`);
    mkdirSync(results);
    return byName(await runSuite(endpoints[side], table.revision, results));
  };
  beforeAll(async () => {
    direct = await run("direct");
    found = await run("through");
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

  it("gives of each tool, check by check, what its own server gives, or says why not", () => {
    const own = ofTools(direct);
    expect(own.size).toBeGreaterThan(0);
    expect([...own.values()].filter(({ status }) => status !== "SUCCESS")).toEqual([]);
    const known = Object.keys(table.differences).toSorted();
    expect(differences(own, ofTools(found))).toEqual(known);
    for (const reason of Object.values(table.differences)) {
      expect(Object.keys(table.reasons)).toContain(reason);
    }
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

describe.each(ERAS)("the content of a tool in %s", (_, mode) => {
  let direct: Client;
  let through: Client;
  const client = async (url: string): Promise<Client> => {
    const made = new Client(
      { name: "conformance", version: "1" },
      { versionNegotiation: { mode } },
    );
    await made.connect(new StreamableHTTPClientTransport(new URL(url)));
    return made;
  };
  beforeAll(async () => {
    direct = await client(endpoints.direct);
    through = await client(endpoints.through);
  });
  afterAll(() => Promise.all([direct?.close(), through?.close()]));

  it.each([
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "resource_link",
  ])("%s is what its server gave, block by block", async (name) => {
    const { content } = await direct.callTool({ name, arguments: {} });
    expect(content).not.toEqual([]);
    expect(await through.callTool({ name, arguments: {} })).toMatchObject({ content });
  });

  it("that has a structure has the same one, and says the same to those who read its text", async () => {
    const call = { name: "structured_report", arguments: {} };
    const { content, structuredContent } = await direct.callTool(call);
    expect(structuredContent).toMatchObject({ city: "Lisbon" });
    expect(await through.callTool(call)).toMatchObject({ content, structuredContent });
  });

  it("that is an error is one here, without the words of its server (decision 0034)", async () => {
    const call = { name: "test_error_handling", arguments: {} };
    const [own, ours] = [await direct.callTool(call), await through.callTool(call)];
    expect([own.isError, ours.isError]).toEqual([true, true]);
    const [block] = own.content;
    expect(block).toMatchObject({ text: expect.stringContaining("intentionally") });
    expect(JSON.stringify(ours)).not.toContain("intentionally");
  });
});

function titled([check, expectation]: [string, Expectation]): [string, string, Expectation] {
  const why = expectation === "passed" ? "passes" : `cannot apply: ${expectation.notTestable}`;
  return [`${check} ${why}`, check, expectation];
}
