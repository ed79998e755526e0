import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { mkdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bundleWithService } from "../policy/openapi/testing.ts";
import { main } from "./main.ts";

const DOCUMENT = JSON.stringify({
  openapi: "3.1.0",
  paths: { "/things": { get: { operationId: "listThings", responses: {} } } },
});

let server: Server;
let origin = "";
let dir = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === "/moved") response.writeHead(302, { location: "/openapi.json" }).end();
    else if (request.url === "/openapi.json") response.end(DOCUMENT);
    else response.writeHead(404).end(DOCUMENT);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  dir = await mkdtemp(join(tmpdir(), "tool-import-"));
  for (const [path, text] of Object.entries(await bundleWithService())) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true });
});

async function run(source: string, ...more: readonly string[]): Promise<[number, string]> {
  return runFor("svc", source, ...more);
}

async function runFor(
  destination: string,
  source: string,
  ...more: readonly string[]
): Promise<[number, string]> {
  let out = "";
  const take = (text: unknown): boolean => {
    out += String(text);
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation(take),
  );
  try {
    const code = await main([
      ...[
        "tool",
        "import",
        "openapi",
        source,
        "--bundle",
        dir,
        "--destination",
        destination,
        ...more,
      ],
    ]);
    return [code, out];
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe("postern tool import openapi", () => {
  it("takes a document from an address, once and exactly there", async () => {
    const [moved] = await run(`${origin}/moved`);
    const [missing] = await run(`${origin}/missing`);
    const [file] = await run(`file://${join(dir, "bundle.jsonc")}`);
    expect([moved, missing, file]).toEqual([3, 3, 2]);
    expect((await readdir(join(dir, "tools"))).filter((name) => name.startsWith("svc"))).toEqual(
      [],
    );

    const [code, out] = await run(`${origin}/openapi.json`, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      tools: [{ id: "svc_list_things", state: "new" }],
      connector: { methods: ["GET"], paths: ["/things"] },
    });
    expect(await readdir(join(dir, "tools"))).toContain("svc_list_things.jsonc");
  });

  it("says which destinations there are, and writes nothing of a document that is none", async () => {
    const [code, out] = await runFor("catalog", `${origin}/openapi.json`);
    expect(code).toBe(2);
    expect(out).toContain("svc");
    const none = join(dir, "none.md");
    await writeFile(none, "nothing");
    expect((await run(none))[0]).toBe(1);
  });
});
