/**
 * An MCP server over stdio that writes down what is asked of it and then does as its first argument
 * says: `dies` right behind the effect, or `waits` until the call is taken back. What it saw stands in
 * the file of its second argument.
 */
import { appendFileSync } from "node:fs";

const [mode, file = ""] = process.argv.slice(2);
const note = (what: string, detail: unknown): void =>
  appendFileSync(file, `${what} ${JSON.stringify(detail)}\n`);
const inputSchema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };
const tools = [{ name: "change", description: "Changes something.", inputSchema }];

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly arguments?: { readonly n: number }; readonly requestId?: number };
}

const running = new Map<number, number>();

function answer(id: number, result: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
}

function receive({ id, method, params }: Message): void {
  if (method === "notifications/cancelled") {
    return note("cancelled", running.get(params?.requestId ?? -1));
  }
  if (id === undefined) return;
  if (method === "initialize") {
    const serverInfo = { name: "fatal", version: "1" };
    return answer(id, { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo });
  }
  if (method === "tools/list") return answer(id, { tools });
  if (method === "tools/call") {
    running.set(id, params?.arguments?.n ?? -1);
    note("changed", params?.arguments?.n);
    if (mode === "dies") process.exit(3);
    return;
  }
  const error = { code: -32_601, message: "no such method" };
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, error })}\n`);
}

let rest = "";
process.stdin.on("data", (chunk: Buffer) => {
  const lines = (rest + chunk.toString()).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) receive(JSON.parse(line) as Message);
});
