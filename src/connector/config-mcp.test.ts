import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";

const env = { KEY: "k-1", EVIL: "a\r\nb" };

function read(destination: object): unknown {
  const file = {
    ...{ network: "acme", tier: "internal", stateDir: "state" },
    destinations: { it: { kind: "mcp", ...destination } },
  };
  const result = readConfig(JSON.stringify(file), "/etc/postern/connector.jsonc", env);
  if (!result.ok) return result.mistakes.map(({ at, code }) => `${at} ${code}`);
  return result.config.destinations.get("it");
}
const spawned = { command: ["/usr/bin/server", "--stdio"], tools: ["read"] };
const remote = { url: "https://tools.internal/mcp", tools: ["read"] };

describe("an MCP server in the connector's file", () => {
  it("is a program with the variables that are listed", () => {
    const variables = { HOME: "/srv", TOKEN: { env: "KEY" } };
    expect(read({ ...spawned, env: variables, concurrency: 2, queue: 0 })).toMatchObject({
      kind: "mcp",
      server: {
        command: ["/usr/bin/server", "--stdio"],
        env: new Map([
          ["HOME", expect.objectContaining({ value: "/srv" })],
          ["TOKEN", expect.objectContaining({ value: "k-1" })],
        ]),
      },
      tools: new Set(["read"]),
      limits: { concurrency: 2, queue: 0 },
    });
  });

  it("is one URL", () => {
    const headers = { Authorization: { env: "KEY" } };
    expect(read({ ...remote, headers })).toMatchObject({
      server: { url: "https://tools.internal/mcp" },
      tools: new Set(["read"]),
    });
  });

  it.each<[string, object, readonly string[]]>([
    ["neither program nor URL", { tools: [] }, [" missing_key"]],
    ["both", { ...remote, ...spawned }, [" missing_key"]],
    ["no list of tools", { command: ["/x"] }, [" missing_key"]],
    ["a program looked for in PATH", { ...spawned, command: ["node"] }, [".command invalid_value"]],
    [
      "a line for a shell",
      { ...spawned, command: "node x" },
      [".command wrong_type", ".command invalid_value"],
    ],
    [
      "NUL",
      { ...spawned, command: ["/x", "a\0b"] },
      [".command[1] invalid_value", ".command invalid_value"],
    ],
    ["a URL's member", { ...spawned, headers: {} }, [".headers unknown_key"]],
    ["a program's member", { ...remote, env: {} }, [".env unknown_key"]],
    ["a variable that is none", { ...spawned, env: { "A B": "x" } }, [".env.A B invalid_value"]],
    ["a tool of another alphabet", { ...spawned, tools: ["rеad"] }, [".tools[0] invalid_value"]],
    ["arguments in clear", { ...remote, url: "http://tools.internal/" }, [".url invalid_value"]],
    [
      "our own header",
      { ...remote, headers: { "Mcp-Session-Id": { env: "KEY" } } },
      [".headers.Mcp-Session-Id invalid_value"],
    ],
    [
      "a header in a header",
      { ...remote, headers: { "x-key": { env: "EVIL" } } },
      [".headers.x-key.env invalid_value"],
    ],
  ])("with %s is a mistake", (_, destination, mistakes) => {
    const found = (read(destination) as string[]).toSorted();
    expect(found).toEqual(mistakes.map((mistake) => `destinations.it${mistake}`).toSorted());
  });
});
