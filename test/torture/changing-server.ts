import { appendFileSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/**
 * An MCP server over stdio whose tools are what a file says now, and that writes down each call it
 * gets: `node changing-server.ts TOOLS.json CALLS.jsonl`. By hand, because an honest library refuses two
 * tools of one name.
 */
const [tools = "", calls = ""] = process.argv.slice(2);

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly name: string; readonly arguments: object };
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line) as Message;
  if (id === undefined) return;
  if (method === "initialize") {
    const serverInfo = { name: "changing", version: "1" };
    const capabilities = { tools: { listChanged: true } };
    return say({ id, result: { protocolVersion: "2025-11-25", capabilities, serverInfo } });
  }
  if (method === "tools/list") {
    const listed = JSON.parse(readFileSync(tools, "utf8")) as object;
    return say({ id, result: { tools: listed } });
  }
  if (method !== "tools/call") return say({ id, error: { code: -32_601, message: "unknown" } });
  appendFileSync(calls, `${JSON.stringify(params)}\n`);
  // Told of in time; who does not tell is found out a few seconds later.
  say({ method: "notifications/tools/list_changed" });
  say({ id, result: { content: [{ type: "text", text: "noted" }] } });
});
