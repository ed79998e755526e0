import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import { ROOT } from "../acceptance/support/process.ts";

/** What is laid over the laboratory's bundle. */
export interface Layer {
  readonly destinations: { readonly [id: string]: object };
  readonly tools: readonly AnyTool[];
  /** Cedar, behind the laboratory's own action policies. */
  readonly actionPolicies?: string;
  /** Of these tools a sub-agent may be given any. */
  readonly delegated?: readonly string[];
}

export interface SqlTool {
  readonly id: string;
  readonly destination: string;
  readonly action: "read" | "mutate";
  readonly sql: {
    readonly statement: string;
    readonly params: readonly string[];
  };
  /** Query that is run before and after: columns as below. */
  readonly look?: string;
  readonly timeoutMs?: number;
  /** Columns of the answer, each a string; none: the tool answers without rows. */
  readonly columns: readonly string[];
}

/** Its agent writes the query: the one argument is `text`. */
export interface QueryTool {
  readonly id: string;
  readonly destination: string;
  readonly action: "read" | "summarize";
  readonly query: { readonly relations: readonly string[]; readonly minGroup?: number };
  readonly timeoutMs?: number;
}

/** Its agent writes the change: the one argument is `text`. */
export interface WriteTool {
  readonly id: string;
  readonly destination: string;
  readonly action: "mutate";
  readonly write: { readonly relations: object; readonly maxRows: number };
}

/** Takes texts, gives a text. */
export interface HttpTool {
  readonly id: string;
  readonly destination: string;
  readonly action: "read" | "mutate";
  readonly labels?: readonly string[];
  readonly http: {
    readonly method: string;
    readonly path: string;
    readonly query?: readonly string[];
    readonly body?: readonly string[];
    readonly idempotencyHeader?: string;
  };
}

/** Takes a text, answers with content. */
export interface McpTool {
  readonly id: string;
  readonly destination: string;
  readonly action: "read";
  readonly mcp: { readonly tool: string; readonly pin: string };
}

/** A folder for `overlays` of a world: the laboratory's manifest with more in it, and these tools. */
export function layerFolder(layer: Layer): string {
  const { destinations, tools, actionPolicies = "", delegated = [] } = layer;
  const folder = mkdtempSync(join(tmpdir(), "layer-"));
  const base = (name: string): string =>
    readFileSync(join(ROOT, "test/acceptance/bundle", name), "utf8");
  const manifest = parse(base("bundle.jsonc")) as { destinations: object };
  write(folder, "bundle.jsonc", {
    ...manifest,
    destinations: { ...manifest.destinations, ...destinations },
  });
  const trust = parse(base("trust.jsonc")) as { delegations: { tools: string[] }[] };
  for (const edge of trust.delegations) edge.tools.push(...delegated);
  write(folder, "trust.jsonc", trust);
  mkdirSync(join(folder, "policies"));
  const policies = `${base("policies/action.cedar")}\n${actionPolicies}`;
  writeFileSync(join(folder, "policies/action.cedar"), policies);
  mkdirSync(join(folder, "tools"));
  for (const tool of tools) write(folder, `tools/${tool.id}.jsonc`, described(tool));
  return folder;
}

const closed = { type: "object", additionalProperties: false };

function texts(names: readonly string[]): object {
  const properties = names.map((name) => [name, { type: "string", maxLength: 4_000 }]);
  return { ...closed, properties: Object.fromEntries(properties) as object, required: names };
}

type AnyTool = SqlTool | QueryTool | WriteTool | HttpTool | McpTool;

function described(tool: AnyTool): object {
  if ("mcp" in tool) return mcpTool(tool);
  if ("query" in tool) return queryTool(tool);
  if ("write" in tool) return writeTool(tool);
  return "sql" in tool ? sqlTool(tool) : httpTool(tool);
}

function named({ id, destination, action }: AnyTool): object {
  const description = `${id} of the torture suite.`;
  const domain = action === "mutate" ? { writeDomain: "lab" } : {};
  return { id, title: id, description, destination, action, cost: 1, ...domain };
}

function mcpTool(tool: McpTool): object {
  return {
    ...named(tool),
    // The first call starts its server.
    ...{ tier: "internal", timeoutMs: 30_000, maxResultBytes: 65_536, mcp: tool.mcp },
    input: texts(["text"]),
    output: { kind: "mcp-content", dataClass: "lab.note" },
  };
}

function httpTool(tool: HttpTool): object {
  const { labels = [], http } = tool;
  return {
    ...named(tool),
    tier: "internal",
    labels,
    timeoutMs: 5_000,
    maxResultBytes: 65_536,
    http,
    input: texts([...(http.query ?? []), ...(http.body ?? [])]),
    output: { kind: "json", schema: { ...texts(["text"]), dataClass: "lab.note" } },
  };
}

function sqlTool(tool: SqlTool): object {
  const { sql, look, timeoutMs = 5_000, columns } = tool;
  const items = { ...texts(columns), dataClass: "lab.note" };
  const schema = {
    ...closed,
    properties: { rows: { type: "array", items } },
    required: ["rows"],
  };
  return {
    ...named(tool),
    tier: "confidential",
    timeoutMs,
    maxResultBytes: 65_536,
    sql: {
      maxRows: 100,
      ...sql,
      ...(look !== undefined && { preview: { statement: look, params: [], schema } }),
    },
    input: texts(sql.params),
    output: { kind: "json", schema },
  };
}

function queryTool(tool: QueryTool): object {
  const { query, timeoutMs = 5_000 } = tool;
  return {
    ...named(tool),
    tier: "confidential",
    timeoutMs,
    maxResultBytes: 65_536,
    query: { statement: "text", maxRows: 100, ...query },
    input: texts(["text"]),
    output: { kind: "rows" },
  };
}

function writeTool(tool: WriteTool): object {
  return {
    ...named(tool),
    ...{ tier: "confidential", timeoutMs: 5_000, maxResultBytes: 65_536 },
    write: { statement: "text", ...tool.write },
    input: texts(["text"]),
    output: { kind: "rows" },
  };
}

function write(folder: string, name: string, value: object): void {
  writeFileSync(join(folder, name), JSON.stringify(value));
}
