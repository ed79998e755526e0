import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { dirname, join } from "node:path";
import type { CallToolResult, Client } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ERAS, mcpClient, outcomeOf } from "../acceptance/support/mcp.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { layerFolder } from "../torture/layer.ts";

/**
 * The public reference servers, as npm has them, behind a connector over stdio: imported, confirmed,
 * activated, and called by the official client.
 */
const folder = mkdtempSync(join(tmpdir(), "upstream-"));
const shared = join(folder, "shared");
const server = (name: string): string => {
  const manifest = `@modelcontextprotocol/server-${name}/package.json`;
  return join(dirname(createRequire(import.meta.url).resolve(manifest)), "dist/index.js");
};
const spawned = (name: string, tools: readonly string[], ...args: string[]): object => ({
  ...{ kind: "mcp", command: [process.execPath, server(name), ...args], tools },
  env: { MEMORY_FILE_PATH: join(folder, "memory.jsonl") },
});
const fatal = (mode: string): object => {
  const program = join(import.meta.dirname, "fatal-server.ts");
  return {
    kind: "mcp",
    command: [process.execPath, program, mode, noted(mode)],
    tools: ["change"],
  };
};
/** What such a server saw. */
const noted = (mode: string): string => join(folder, `${mode}.txt`);
const DESTINATIONS = {
  dying: fatal("dies"),
  waiting: fatal("waits"),
  everything: spawned("everything", ["echo", "get-sum", "get-structured-content", "get-env"]),
  files: spawned("filesystem", ["list_directory", "read_text_file", "write_file"], shared),
  memory: spawned("memory", ["create_entities", "search_nodes", "read_graph"]),
};
const CALLED = {
  dying: ["dying_change"],
  waiting: ["waiting_change"],
  everything: ["everything_echo", "everything_get_sum", "everything_get_env"],
  files: ["files_list_directory", "files_read_text_file", "files_write_file"],
  memory: ["memory_create_entities", "memory_search_nodes", "memory_read_graph"],
};
const NAMES = Object.keys(CALLED) as (keyof typeof CALLED)[];
const PERMIT = `
@id("upstream-executes")
permit (principal, action == Action::"execute", resource)
when {
  [${Object.keys(CALLED)
    .map((name) => `Destination::"${name}"`)
    .join(", ")}].contains(resource.destination)
};
`;

const host: NodeHost = nodeHost();
let world: World;
let clients: readonly Client[];
let workflow: Workflow;

beforeAll(async () => {
  mkdirSync(shared);
  writeFileSync(join(shared, "note.txt"), "from the private network");
  const place = { network: "wire", tier: "internal" };
  const destinations = Object.fromEntries(NAMES.map((name) => [name, { kind: "mcp", ...place }]));
  world = await startWorld("laboratory", host, {
    overlays: [layerFolder({ destinations, tools: [], actionPolicies: PERMIT })],
    connectors: () => [{ name: "servers", tenant: "acme", ...place, destinations: DESTINATIONS }],
  });
  const config = join(folder, "connector.jsonc");
  const stateDir = join(folder, "state");
  writeFileSync(config, JSON.stringify({ ...place, stateDir, destinations: DESTINATIONS }));
  const imports = NAMES.map((name) => {
    const where = ["--config", config, "--destination", name, "--bundle", world.bundle];
    return host.tool("import", "mcp", ...where, "--data-class", "lab.note");
  });
  expect((await Promise.all(imports)).map(({ stderr }) => stderr)).toEqual(NAMES.map(() => ""));
  for (const id of Object.values(CALLED).flat()) confirm(join(world.bundle, `tools/${id}.jsonc`));
  expect(await host.activate("acme", world.bundle)).toMatchObject({ code: 0 });
  workflow = await world.acme.open(world.agent, "dana", { purpose: "lab" });
  clients = await Promise.all(ERAS.map(([, mode]) => mcpClient(workflow, mode)));
});
function linesOf(mode: string): readonly string[] {
  return existsSync(noted(mode)) ? readFileSync(noted(mode), "utf8").split("\n") : [];
}

/** The test's own limit ends it. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}

/** What a person does with an editor; `postern tool pin` has tests of its own. */
function confirm(file: string): void {
  writeFileSync(file, readFileSync(file, "utf8").replace(/"review": \[[^\]]*\],/, ""));
}

afterAll(async () => {
  for (const client of clients ?? []) await client.close();
  await world?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(ERAS.map(([era], at) => [era, at] as const))("the official client in %s", (_, at) => {
  const call = async (name: string, args: Record<string, unknown>): Promise<CallToolResult> => {
    const result = await clients[at]!.callTool({ name, arguments: args });
    expect(outcomeOf(result)).toMatchObject({ outcome: "ok" });
    return result;
  };
  const textOf = ({ content }: CallToolResult): string =>
    content.map((block) => (block.type === "text" ? block.text : block.type)).join("\n");

  it("lists what was confirmed, and nothing else of these servers", async () => {
    const { tools } = await clients[at]!.listTools();
    const names = tools.map(({ name }) => name);
    const ours = names.filter((name) => NAMES.some((one) => name.startsWith(`${one}_`)));
    expect(ours).toEqual(Object.values(CALLED).flat().toSorted());
  });

  it("calls server-everything, whose process knows nothing of ours", async () => {
    expect(textOf(await call("everything_echo", { message: "hello" }))).toContain("hello");
    expect(textOf(await call("everything_get_sum", { a: 2, b: 3 }))).toContain("5");
    const env = JSON.parse(textOf(await call("everything_get_env", {}))) as object;
    expect(Object.keys(env)).toEqual(["MEMORY_FILE_PATH"]);
  });

  it("calls server-filesystem, and a path outside of its folder is an error without words", async () => {
    expect(textOf(await call("files_list_directory", { path: shared }))).toContain("note.txt");
    const path = join(shared, `written-${at}.txt`);
    await call("files_write_file", { path, content: "by an agent" });
    expect(readFileSync(path, "utf8")).toBe("by an agent");
    const outside = await clients[at]!.callTool({
      name: "files_read_text_file",
      arguments: { path: "/etc/passwd" },
    });
    expect(outcomeOf(outside)).toMatchObject({
      outcome: "failed",
      reason: { code: "upstream_error" },
    });
    expect(JSON.stringify(outside)).not.toContain("denied - path");
  });

  it("takes a change back: its server is told, and the record says that nobody knows", async () => {
    const given = new AbortController();
    const change = { name: "waiting_change", arguments: { n: at } };
    const asked = clients[at]!.callTool(change, { signal: given.signal }).catch(
      (error: unknown) => error,
    );
    await until(() => linesOf("waits").includes(`changed ${at}`));
    given.abort();
    expect(await asked).toBeInstanceOf(Error);
    await until(() => linesOf("waits").includes(`cancelled ${at}`));
    const ends = async () => {
      const events = (await workflow.events()).map(({ event }) => event);
      const calls = events.filter(({ tool }) => tool === "waiting_change").map(({ call }) => call);
      return events.filter(({ type, call }) => type === "call.settled" && calls.includes(call));
    };
    await until(async () => (await ends()).length > at);
    expect((await ends())[at]).toMatchObject({ outcome: "outcome_unknown", code: "cancelled" });
  });

  it("calls server-memory, which remembers between calls", async () => {
    const entity = { name: `ada-${at}`, entityType: "person", observations: ["counts"] };
    await call("memory_create_entities", { entities: [entity] });
    expect(textOf(await call("memory_search_nodes", { query: `ada-${at}` }))).toContain("counts");
  });
});

it("tells that nobody knows of a change whose server died behind it, and it is not made again", async () => {
  const change = { name: "dying_change", arguments: { n: 7 } };
  const lost = await clients[0]!.callTool(change);
  expect(outcomeOf(lost)).toMatchObject({
    outcome: "outcome_unknown",
    reason: { code: "connection_terminated" },
  });
  expect(outcomeOf(await clients[0]!.callTool(change))).toMatchObject({
    outcome: "policy_denied",
    reason: { code: "effect_unknown" },
  });
  expect(linesOf("dies").filter((line) => line === "changed 7")).toHaveLength(1);
});
