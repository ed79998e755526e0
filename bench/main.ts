import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Governed, startGoverned } from "./governed.ts";
import { bodies } from "./bodies.ts";
import { load, type LoadPlan, Proofs, WARM_UP } from "./load.ts";
import { cpuSeconds, residentMb, start } from "./process.ts";
import { report, type Row } from "./report.ts";

/**
 * What a governed call costs against a direct one and a plain reverse proxy, in one run on one
 * machine: ratios travel, absolute figures do not. `--json` for machines, `--calls N` for longer.
 */
const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    calls: { type: "string" },
    connections: { type: "string" },
  },
});
const CALLS = Number(values.calls ?? 6_000);
const CONNECTIONS = (values.connections ?? "1,32,256").split(",").map(Number);

const pinned = availableParallelism() > 1 && canPin();
const [gatewayCore, otherCore] = pinned ? [0, 1] : [null, null];
if (pinned) execFileSync("taskset", ["-cp", "1", String(process.pid)], { stdio: "ignore" });

const say = (line: string): void => void process.stderr.write(`${line}\n`);
say(
  pinned
    ? "gateway and proxy on core 0, everything else on core 1"
    : "taskset is missing: nothing is pinned",
);

const upstream = await start([join(import.meta.dirname, "upstream.ts")], otherCore);
const upstreamUrl = String(upstream.facts["url"]);
const proxy = await start([join(import.meta.dirname, "proxy.ts"), upstreamUrl], gatewayCore);
const rows: Row[] = [];
let made = 0;
try {
  await using governed = await startGoverned({ notes: upstreamUrl }, gatewayCore, otherCore);
  const path = "/notes/note-1";
  const plain = {
    method: "GET",
    headers: {},
    body: null,
    proofs: null,
    expect: "Quarterly",
  } as const;
  for (const connections of CONNECTIONS) {
    say(`${connections} connections`);
    rows.push(await measured("direct", null, { ...plain, url: upstreamUrl + path, connections }));
    const proxied = { ...plain, url: String(proxy.facts["url"]) + path, connections };
    rows.push(await measured("proxy", proxy.pid, proxied));
    rows.push(await governedRow("postern rest", governed, restPlan(governed, connections)));
    rows.push(await governedRow("postern mcp", governed, mcpPlan(governed, connections)));
  }
  say("bodies");
  const sized = await bodies(governed, upstreamUrl);
  made += sized.calls;
  const record = await governed.record();
  const faults = [
    record.verified ? "" : "the chain does not verify",
    record.admitted === made ? "" : `${record.admitted} admissions for ${made} calls`,
    record.spent === made ? "" : `${record.spent} spent tokens for ${made} calls`,
    record.events >= 2 * made && record.events <= 3 * made
      ? ""
      : `${record.events} events for ${made} calls`,
  ].filter((fault) => fault !== "");
  if (faults.length > 0) throw new Error(`void: ${faults.join("; ")}`);
  const total = { calls: made, events: record.events };
  process.stdout.write(report(rows, sized, total, values.json === true));
} finally {
  await proxy.stop();
  await upstream.stop();
}

type Unproven = Omit<LoadPlan, "calls" | "warmUp" | "proofs">;

function restPlan(governed: Governed, connections: number): Unproven {
  return {
    url: `${governed.opened.url}/v1/workflows/${governed.opened.workflow}/calls`,
    method: "POST",
    headers: {
      authorization: `DPoP ${governed.opened.credential}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ tool: "note_read", arguments: { noteId: "note-1" } }),
    connections,
    expect: '"outcome":"partial_result"',
  };
}

function mcpPlan(governed: Governed, connections: number): Unproven {
  const params = {
    name: "note_read",
    arguments: { noteId: "note-1" },
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
      "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
    },
  };
  return {
    url: `${governed.opened.url}/mcp`,
    method: "POST",
    headers: {
      authorization: `DPoP ${governed.opened.credential}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "note_read",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
    connections,
    expect: "partial_result",
  };
}

async function governedRow(name: string, governed: Governed, plan: Unproven): Promise<Row> {
  const { gateway, opened } = governed;
  const { credential, proofKey } = opened;
  const calls = callsAt(plan.connections);
  const { method, url } = plan;
  const proofs = await Proofs.sign(proofKey, WARM_UP + calls, { method, url, credential });
  made += WARM_UP + calls;
  return row(name, gateway.pid, { ...plan, calls, warmUp: WARM_UP, proofs });
}

/** A direct or proxied call costs so little that twice as many take no longer. */
function measured(
  name: string,
  pid: number | null,
  plan: Omit<LoadPlan, "calls" | "warmUp">,
): Promise<Row> {
  return row(name, pid, { ...plan, calls: callsAt(plan.connections) * 2, warmUp: WARM_UP });
}

async function row(name: string, pid: number | null, plan: LoadPlan): Promise<Row> {
  let before = 0;
  const result = await load(plan, () => {
    before = pid === null ? 0 : cpuSeconds(pid);
  });
  const { connections, calls } = plan;
  if (pid === null) return { name, connections, ...result, cpuUs: null, residentMb: null };
  const cpuUs = ((cpuSeconds(pid) - before) / calls) * 1e6;
  return { name, connections, ...result, cpuUs, residentMb: residentMb(pid) };
}

/** One connection is bound by latency: fewer calls say the same. */
function callsAt(connections: number): number {
  return connections === 1 ? Math.ceil(CALLS / 3) : CALLS;
}

function canPin(): boolean {
  try {
    execFileSync("taskset", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
