import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { announce } from "../service.ts";
import {
  operationsCase,
  refundCase,
  reviewCase,
  searchCase,
  similarCase,
  supportCase,
} from "./case.ts";

/**
 * The example support agent, a process of its own and an ordinary MCP client:
 * `node agent/main.ts --profile FILE --customer NAME [--case NAME]`. Its MCP server is `postern connect`, which
 * it starts as any MCP client starts a server. It makes one call for each line it reads, and
 * writes each as one line of JSON, so that whoever watches can do something in between.
 */
const { values } = parseArgs({
  options: {
    profile: { type: "string" },
    customer: { type: "string" },
    case: { type: "string", default: "support" },
  },
});
const CASES = {
  support: supportCase,
  refund: refundCase,
  operations: operationsCase,
  review: reviewCase,
  search: searchCase,
  similar: similarCase,
};
const { profile, customer } = values;
const wanted = Object.entries(CASES).find(([name]) => name === values.case)?.[1];
if (profile === undefined || customer === undefined || wanted === undefined) {
  process.stderr.write(
    "usage: node examples/acme/agent/main.ts --profile FILE --customer NAME [--case NAME]\n",
  );
  process.exit(2);
}

const client = new Client(
  { name: "acme-support-agent", version: "1.0.0" },
  { versionNegotiation: { mode: { pin: "2026-07-28" } } },
);
const postern = fileURLToPath(new URL("../../../bin/postern.js", import.meta.url));
await client.connect(
  new StdioClientTransport({
    command: process.execPath,
    args: [postern, "connect", "--profile", profile],
    stderr: "inherit",
  }),
);
const { tools } = await client.listTools();
announce({ tools: tools.map((tool) => tool.name).join(" ") });

const steps = wanted(client, customer);
for await (const _ of createInterface({ input: process.stdin })) {
  const next = await steps.next();
  if (next.done === true) break;
  say({ event: "step", step: next.value });
}
// `postern connect` closes the workflow when its client goes; only then is the case over.
await client.close();
say({ event: "done" });
process.exit(0);

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
