import {
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parse } from "jsonc-parser";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { readConfig } from "../connector/config.ts";
import { readGatewayConfig } from "../hosts/node/config.ts";
import { checkBundle } from "../policy/bundle/check.ts";
import { readBundleFolder } from "../policy/bundle/read-folder.ts";
import { loadProfile } from "./connect/profile.ts";
import { EXIT } from "./exit.ts";
import { main } from "./main.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const HTTP = ["--kind", "http", "--name", "my-shop", "--origin", "https://shop.example"];
const POSTGRES = [
  ...["--kind", "postgres", "--name", "orders", "--host", "db.example", "--port", "6432"],
  ...["--database", "orders", "--user", "gate", "--role", "reader"],
];

const folder = mkdtempSync(join(tmpdir(), "init-"));
const server = join(folder, "notes-mcp");
const MCP = ["--kind", "mcp", "--name", "notes", "--command", server, "--tool", "search_nodes"];

/** The same command line with another value of one option: twice it would be a mistake by itself. */
const but = (args: readonly string[], option: string, value: string): string[] =>
  args.map((one, at) => (args[at - 1] === option ? value : one));

/** The memory server of MCP's authors; it would keep its notes in its own folder. */
writeFileSync(
  server,
  `#!/bin/sh
MEMORY_FILE_PATH='${folder}/notes.json' exec '${process.execPath}' \\
  '${ROOT}/node_modules/@modelcontextprotocol/server-memory/dist/index.js'
`,
  { mode: 0o700 },
);
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

let count = 0;
const newDir = (): string => join(folder, `new-${count++}`);
const read = (dir: string, path: string): string => readFileSync(join(dir, path), "utf8");
const data = (dir: string, path: string): unknown => parse(read(dir, path));

/** In this very process: what is written does not depend on how it was started. */
async function init(
  dir: string,
  args: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  const said = { out: "", err: "" };
  for (const [stream, name] of [
    [process.stdout, "out"],
    [process.stderr, "err"],
  ] as const) {
    vi.spyOn(stream, "write").mockImplementation((text) => {
      said[name] += String(text);
      return true;
    });
  }
  const code = await main(["init", dir, ...args]);
  vi.restoreAllMocks();
  return { code, ...said };
}

describe.each([
  ["http", HTTP, "my_shop_read", []],
  ["http with a credential", [...HTTP, "--header", "X-Key"], "my_shop_read", ["MY_SHOP_X_KEY"]],
  ["postgres", POSTGRES, "orders_tables", ["ORDERS_PASSWORD"]],
  ["mcp", MCP, "notes_search_nodes", []],
])("postern init for %s", (_, args, tool, secrets) => {
  const dir = newDir();

  it("writes what gateway, connector, profile and `bundle check` take as it is", async () => {
    const { code, out } = await init(dir, [...args, "--json"]);
    expect(code).toBe(EXIT.ok);
    expect(JSON.parse(out)).toMatchObject({ dir, tool, secrets });
    const gateway = readGatewayConfig(join(dir, "postern.jsonc"), read(dir, "postern.jsonc"));
    expect(gateway).toMatchObject({ ok: true });
    const env = Object.fromEntries(secrets.map((name) => [name, "secret"]));
    const path = join(dir, "connector.jsonc");
    expect(readConfig(read(dir, "connector.jsonc"), path, env)).toMatchObject({ ok: true });
    expect(checkBundle(await readBundleFolder(join(dir, "bundle")))).toMatchObject({ ok: true });
    expect(loadProfile(join(dir, "profile.jsonc")).assertionKey.d).toHaveLength(43);
  });

  it("says every file that it wrote, and writes nothing else", async () => {
    const { out } = await init(newDir(), [...args, "--json"]);
    const { files } = JSON.parse(out) as { files: string[] };
    const written = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => relative(dir, join(one.parentPath, one.name)));
    expect(written.toSorted()).toEqual(files.toSorted());
  });

  it("needs no more secrets than it says, and holds none", () => {
    const path = join(dir, "connector.jsonc");
    for (const missing of secrets) {
      const env = Object.fromEntries(secrets.map((name) => [name, name === missing ? "" : "x"]));
      expect(readConfig(read(dir, "connector.jsonc"), path, env)).toMatchObject({
        ok: false,
        mistakes: [{ code: "env_missing" }],
      });
    }
    const { d } = JSON.parse(read(dir, "agent.jwk.json")) as { d: string };
    expect(statSync(join(dir, "agent.jwk.json")).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o077).toBe(0);
    const files = globSync("**/*.{jsonc,cedar,yaml}", { cwd: dir });
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) expect(read(dir, file)).not.toContain(d);
    expect(read(dir, ".gitignore")).toContain("agent.jwk.json\n");
  });

  it.each([
    ["the one read is not permitted", "action", /@id\([^;]*;/, ""],
    ["the destination is not permitted", "network", /@id\([^;]*;/, ""],
    ["nothing may be disclosed", "data", /@id\([^;]*;/, ""],
    ["a start may drag on", "budget", "30000", "90000"],
  ])("would not be published if %s", async (_why, file, rule, instead) => {
    const path = `policies/${file}.cedar`;
    const files = await readBundleFolder(join(dir, "bundle"));
    const text = files[path] ?? "";
    const changed = text.replace(rule, instead);
    expect(changed).not.toBe(text);
    const checked = checkBundle({ ...files, [path]: changed });
    const codes = checked.ok ? [] : checked.mistakes.map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(["test_failed"]));
  });
});

describe("what postern init writes", () => {
  it("reaches one resource of an HTTP service, by one method", async () => {
    const dir = newDir();
    await init(dir, [...HTTP, "--path", "/v2/status", "--header", "Authorization"]);
    expect(data(dir, "connector.jsonc")).toEqual({
      network: "private",
      tier: "internal",
      stateDir: "./connector-state",
      destinations: {
        "my-shop": {
          kind: "http",
          origin: "https://shop.example",
          methods: ["GET"],
          paths: ["/v2/status"],
          headers: { authorization: { env: "MY_SHOP_AUTHORIZATION" } },
        },
      },
    });
  });

  it("lets a database run one statement, under a role, in clear only on this machine", async () => {
    const [far, near, socket] = [newDir(), newDir(), newDir()];
    await init(far, POSTGRES);
    const to = (host: string): string[] =>
      POSTGRES.map((word) => (word === "db.example" ? host : word));
    await init(near, to("127.0.0.1"));
    await init(socket, to("/run/postgresql"));
    const destination = (dir: string): unknown =>
      (data(dir, "connector.jsonc") as { destinations: { orders: unknown } }).destinations.orders;
    expect(destination(far)).toMatchObject({
      port: 6432,
      tls: true,
      role: "reader",
      statements: [expect.stringMatching(/^[0-9a-f]{64}$/)],
    });
    expect(destination(near)).toMatchObject({ tls: false });
    expect(destination(socket)).toMatchObject({ tls: false, host: "/run/postgresql" });
  });

  it("says where a private name may lead, and leaves out what nobody said", async () => {
    const [said, unsaid] = [newDir(), newDir()];
    await init(said, [...HTTP, "--addresses", "10.20.0.0/24, fd12::7"]);
    await init(unsaid, HTTP);
    const members = (dir: string): unknown =>
      (data(dir, "connector.jsonc") as { destinations: object }).destinations;
    expect(members(said)).toMatchObject({ "my-shop": { addresses: ["10.20.0.0/24", "fd12::7"] } });
    expect(Object.keys((members(unsaid) as { "my-shop": object })["my-shop"])).toEqual([
      "kind",
      "origin",
      "methods",
      "paths",
    ]);
  });

  it("pins one tool of an MCP server, and takes no argument that the server does not know", async () => {
    const dir = newDir();
    await init(dir, MCP);
    expect(data(dir, "bundle/tools/notes_search_nodes.jsonc")).toMatchObject({
      mcp: { tool: "search_nodes", pin: expect.stringMatching(/^[0-9a-f]{64}$/) },
      input: {
        properties: { query: { type: "string" } },
        required: ["query"],
        additionalProperties: false,
      },
    });
    expect(data(dir, "connector.jsonc")).toMatchObject({
      destinations: { notes: { kind: "mcp", command: [server], tools: ["search_nodes"] } },
    });
  });

  it("has a key of its own for each folder", async () => {
    const [one, other] = [newDir(), newDir()];
    await init(one, HTTP);
    await init(other, HTTP);
    expect(read(one, "bundle/agents.jsonc")).not.toBe(read(other, "bundle/agents.jsonc"));
    const { agents } = data(one, "bundle/agents.jsonc") as {
      agents: { assistant: { keys: { kid: string; x: string }[] } };
    };
    expect(JSON.parse(read(one, "agent.jwk.json"))).toMatchObject({ ...agents.assistant.keys[0] });
  });

  it("takes every text for a text, whatever is in it", async () => {
    const dir = newDir();
    const hostile = `"] }, // */ {{tool}} \\u0022`;
    const args = [
      ...HTTP,
      "--group",
      hostile,
      "--audience",
      hostile,
      "--sign-in",
      ` a  ${hostile}`,
    ];
    expect(await init(dir, args)).toMatchObject({ code: EXIT.ok });
    expect(data(dir, "bundle/trust.jsonc")).toMatchObject({
      edges: [{ humans: { groups: [hostile] } }],
    });
    expect(data(dir, "profile.jsonc")).toMatchObject({
      human: { command: ["a", ...hostile.split(" ")] },
    });
  });

  it("listens behind a proxy where the gateway is reached by https", async () => {
    const dir = newDir();
    await init(dir, [...HTTP, "--gateway", "https://gate.example/"]);
    expect(data(dir, "postern.jsonc")).toMatchObject({
      listen: { host: "127.0.0.1", port: 8787 },
      publicUrl: "https://gate.example",
    });
    expect(data(dir, "profile.jsonc")).toMatchObject({ gateway: "https://gate.example" });
  });

  it("is named in those commands as a shell takes it, whatever it is called", async () => {
    const dir = join(folder, "ada's shop");
    const { out } = await init(`${dir}/`, [...HTTP, "--json"]);
    const { next } = JSON.parse(out) as { next: string[] };
    expect(next[0]).toMatch(/postern.* bundle check '.*\/ada'\\''s shop\/bundle' --connector /);
  });

  it("is told with what is left to do, and the commands in their order", async () => {
    const { out } = await init(newDir(), [...POSTGRES, "--issuer", "https://login.shop.example"]);
    const order = ["bundle check", "gateway run", "connector enroll", "connector run", "call make"];
    const places = order.map((command) => out.indexOf(`postern ${command} `));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(out).toContain("ORDERS_PASSWORD");
    expect(out).toContain("bundle/trust.jsonc: who may start the agent");
    expect(out).not.toContain("postern.jsonc: the issuer");
  });
});

describe("postern init refuses", () => {
  it("a folder that holds anything, and leaves it as it is", async () => {
    const dir = newDir();
    await init(dir, HTTP);
    const before = read(dir, "agent.jwk.json");
    const { code, err } = await init(dir, POSTGRES);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain(`${dir} is not empty`);
    expect(read(dir, "agent.jwk.json")).toBe(before);
    expect(existsSync(join(dir, "bundle/tools/orders_tables.jsonc"))).toBe(false);
    const file = join(folder, "file");
    writeFileSync(file, "");
    expect((await init(file, HTTP)).err).toContain("is a file");
  });

  it("everything that is wrong with a command line at once", async () => {
    const dir = newDir();
    const { code, err } = await init(dir, [
      ...["--kind", "postgres", "--name", "Orders", "--host", "db/x", "--port", "65536"],
      ...["--database", "a\nb", "--origin", "https://shop.example", "--tier", "secret"],
      ...["--issuer", "http://login.example", "--gateway", "http://gate.example", "--sign-in", " "],
    ]);
    expect(code).toBe(EXIT.usage);
    expect(existsSync(dir)).toBe(false);
    expect(err.match(/^--[a-z-]+ (cannot be|is missing|is empty|goes with)/gm)).toEqual([
      "--origin goes with",
      "--name cannot be",
      "--host cannot be",
      "--port cannot be",
      "--database cannot be",
      "--user is missing",
      "--tier cannot be",
      "--gateway cannot be",
      "--issuer cannot be",
      "--sign-in is empty",
    ]);
  });

  it.each([
    ["no kind", ["--name", "shop"], "--kind is missing: one of http, postgres, mcp"],
    ["a path with a place for an argument", [...HTTP, "--path", "/orders/{id}"], "--path"],
    ["a path that is two", [...HTTP, "--path", "/orders/../people"], "--path"],
    ["a tool that the server does not have", but(MCP, "--tool", "nodes"), "search_nodes"],
    ["a tool that changes something", but(MCP, "--tool", "delete_entities"), "changes something"],
    ["a server that is none", but(MCP, "--command", "/bin/false"), "does not answer"],
    ["a server without its whole path", but(MCP, "--command", "false"), "--command"],
    ["two servers at once", [...MCP, "--url", "https://notes.example/mcp"], "--url"],
    [
      "a server in the clear",
      [...MCP.slice(0, 4), "--url", "http://a.example", "--tool", "x"],
      "url",
    ],
    ["a query", [...HTTP, "--path", "/orders?all=1"], "--path"],
    ["an origin with a path", but(HTTP, "--origin", "https://shop.example/v1"), "--origin"],
    ["an origin with a password", but(HTTP, "--origin", "https://a:b@shop.example"), "--origin"],
    ["a range that is none", [...HTTP, "--addresses", "10.20.0.0/40"], "addresses"],
    ["a header that Postern sets itself", [...HTTP, "--header", "Txn-Token"], "headers.Txn-Token"],
    ["a header that would begin another one", [...HTTP, "--header", "A\r\nB"], "--header"],
  ])("%s", async (_, args, said) => {
    const dir = newDir();
    const { code, err } = await init(dir, args);
    expect(code).toBe(EXIT.usage);
    expect(err.toLowerCase()).toContain(said.toLowerCase());
    expect(existsSync(dir)).toBe(false);
  });

  it("a folder too deep for the gateway's socket", async () => {
    const dir = join(folder, "d".repeat(100));
    expect((await init(dir, HTTP)).err).toContain("a Unix socket's path has at most");
    expect(existsSync(dir)).toBe(false);
  });
});

describe("the templates of postern init", () => {
  it("are part of the package", () => {
    const { files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      files: string[];
    };
    expect(files).toContain("templates");
  });
});
