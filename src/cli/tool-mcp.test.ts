import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { checkBundle } from "../policy/bundle/check.ts";
import { goodBundle } from "../policy/bundle/testing.ts";
import { bundleFiles } from "./bundle-files.ts";
import { main } from "./main.ts";

const SERVERS = ["everything", "filesystem", "memory"] as const;
const PEER = join(import.meta.dirname, "../connector/testing-mcp-peer.ts");
let root = "";
let bundle = "";
let config = "";

/** The public reference servers, from npm, and one of our own that shadows. */
function commandOf(server: (typeof SERVERS)[number]): readonly string[] {
  const name = `@modelcontextprotocol/server-${server}/package.json`;
  const folder = dirname(createRequire(import.meta.url).resolve(name));
  return [process.execPath, join(folder, "dist/index.js")];
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tool-mcp-"));
  bundle = join(root, "bundle");
  config = join(root, "connector.jsonc");
  const one = '{ "kind": "mcp", "network": "n", "tier": "internal" }';
  const names = [...SERVERS, "peer"];
  const declared = names.map((name) => `"${name}": ${one}`).join(", ");
  const files = await goodBundle();
  const manifest = (files["bundle.jsonc"] ?? "").replace(
    '"destinations": {',
    `"destinations": { ${declared},`,
  );
  for (const [path, text] of Object.entries({ ...files, "bundle.jsonc": manifest })) {
    await mkdir(dirname(join(bundle, path)), { recursive: true });
    await writeFile(join(bundle, path), text);
  }
  const env = { MEMORY_FILE_PATH: join(root, "memory.jsonl") };
  const tools: readonly string[] = [];
  const spawned = SERVERS.map((name) => {
    const command = [...commandOf(name), ...(name === "filesystem" ? [root] : [])];
    return [name, { kind: "mcp", command, env, tools }];
  });
  const peer = { kind: "mcp", command: [process.execPath, PEER, "plain"], tools: ["echo"] };
  const file = {
    ...{ network: "n", tier: "internal", stateDir: join(root, "state") },
    destinations: Object.fromEntries([...spawned, ["peer", peer]]),
  };
  await writeFile(config, JSON.stringify(file));
});
afterAll(() => rm(root, { recursive: true }));

interface Report {
  readonly tools: readonly { readonly id: string; readonly state: string }[];
  readonly refused: readonly object[];
  readonly unlisted: readonly string[];
}

async function run(destination: string): Promise<{ code: number; report: Report; text: string }> {
  let out = "";
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation((text: unknown) => {
      out += String(text);
      return true;
    }),
  );
  try {
    const where = ["--config", config, "--destination", destination, "--bundle", bundle];
    const code = await main(["tool", "import", "mcp", ...where, "--json"]);
    return { code, report: (code <= 1 ? JSON.parse(out) : {}) as Report, text: out };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe("postern tool import mcp", () => {
  it.each(SERVERS)("describes the tools of the reference server %s for review", async (name) => {
    const { report } = await run(name);
    expect(report.tools.length).toBeGreaterThan(5);
    expect(report.tools.every(({ state }) => state === "new")).toBe(true);
    expect(report.unlisted.length).toBe(report.tools.length + report.refused.length);
    const checked = checkBundle(await bundleFiles(bundle));
    if (!checked.ok) throw new Error(JSON.stringify(checked.mistakes));
    const imported = checked.bundle.tools.filter(({ tool }) => tool.destination === name);
    expect(imported.length).toBe(report.tools.length);
    expect(imported.every(({ tool }) => !tool.reviewed)).toBe(true);
  });

  it("leaves a reviewed file as it is, and says where the server differs", async () => {
    const first = await run("peer");
    expect(first.report).toMatchObject({
      tools: [{ id: "peer_echo", state: "new" }],
      unlisted: [],
    });
    const path = join(bundle, "tools/peer_echo.jsonc");
    const text = await readFile(path, "utf8");
    expect((await run("peer")).report.tools).toMatchObject([{ state: "unchanged" }]);
    const reviewed = text
      .replace(/"review": \[[^\]]*\]/, '"review": []')
      .replace(/"pin": "[0-9a-f]{4}/, '"pin": "0000');
    await writeFile(path, reviewed);
    const again = await run("peer");
    expect(again.code).toBe(1);
    expect(again.report.tools).toMatchObject([{ state: "differs", at: ["/mcp/pin"] }]);
    expect(await readFile(path, "utf8")).toBe(reviewed);
  });

  it("says which destination neither file knows, or is no such server", async () => {
    expect((await run("nowhere")).code).toBe(2);
    expect((await run("desk")).code).toBe(2);
  });
});
