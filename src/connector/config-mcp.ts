import { isAbsolute } from "node:path";
import { MCP_TOOL_NAME } from "../core/model/operation.ts";
import { readUrl } from "./config-embedding.ts";
import { readHeaders } from "./config-http.ts";
import { readLimits } from "./config-limits.ts";
import { readReach } from "./config-reach.ts";
import { readSecret } from "./config-secret.ts";
import { readTls } from "./config-tls.ts";
import { publicTls } from "./tls.ts";
import type { McpDestination, McpServer, Place } from "./config.ts";
import type { Reader } from "./reader.ts";
import { Secret } from "./secret.ts";

const ALWAYS = ["kind", "tools", "concurrency", "queue"];
const BY_URL = ["url", "addresses", "tls", "headers"];
const BY_COMMAND = ["command", "env"];
/** Calls to one server at a time: a process of its own is rarely built for more. */
const DEFAULT_CONCURRENCY = 16;
const MAX_CONCURRENCY = 64;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function readMcp(reader: Reader, place: Place): McpDestination | null {
  const all = reader.members([...ALWAYS, ...BY_URL, ...BY_COMMAND]);
  const spawned = all.has("command");
  if (spawned === all.has("url")) {
    return reader.wrong("missing_key", 'either "url": "https://…", or "command": ["/PROGRAM", …]');
  }
  for (const name of spawned ? BY_URL : BY_COMMAND) {
    all.get(name)?.wrong("unknown_key", `this does not go with "${spawned ? "command" : "url"}"`);
  }
  const tools = reader
    .required(all, "tools", "the tools that may be called, as the server names them")
    ?.items()
    .map((one) => one.string(MCP_TOOL_NAME, "the name of a tool: letters, digits, _ - . /"));
  const server = spawned ? readCommand(all, place) : readRemote(all, place);
  const concurrency = all.get("concurrency")?.integer(1, MAX_CONCURRENCY) ?? DEFAULT_CONCURRENCY;
  if (server === null || tools === undefined) return null;
  return {
    kind: "mcp",
    server,
    tools: new Set(tools.filter((one) => one !== null)),
    limits: readLimits(all.get("queue"), concurrency),
  };
}

function readRemote(members: ReadonlyMap<string, Reader>, place: Place): McpServer | null {
  const url = readUrl(members.get("url") ?? null);
  const headers = readHeaders(members.get("headers"), place);
  const reach = readReach(members.get("addresses"), place.resolvers);
  const encrypted = members.get("tls");
  const tls = encrypted === undefined ? publicTls : readTls(encrypted, place);
  return url === null ? null : { url, headers, reach, tls };
}

function readCommand(members: ReadonlyMap<string, Reader>, place: Place): McpServer | null {
  const env = new Map<string, Secret>();
  for (const [name, value] of members.get("env")?.members() ?? []) {
    if (!VARIABLE.test(name)) value.wrong("invalid_value", "this is no name of a variable");
    const read = readValue(value, place);
    if (read !== null) env.set(name, read);
  }
  const reader = members.get("command");
  const [program, ...args] = (reader?.items() ?? []).map((one) =>
    one.string(/^[^\0]*$/, "a string"),
  );
  // A name would be looked for in PATH, and found in whichever folder comes first.
  if (program && isAbsolute(program) && args.every((one) => one !== null)) {
    return { command: [program, ...args], env };
  }
  return reader?.wrong("invalid_value", 'the whole path first: ["/usr/bin/handbook-mcp"]') ?? null;
}

/** A text stands here as it is, because most variables are no secrets; a secret comes from elsewhere. */
function readValue(reader: Reader, place: Place): Secret | null {
  if (!reader.is("string")) return readSecret(reader, place, null);
  const text = reader.string(/^[^\0]*$/, "a text, or where a secret comes from");
  return text === null ? null : Secret.fixed(text);
}
