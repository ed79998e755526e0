import type { Governed, Opened } from "./governed.ts";
import { load, type LoadPlan, Proofs } from "./load.ts";
import { residentMb } from "./process.ts";

const KB = 1_024;
const MB = 1_024 * KB;
/** Bytes of a body, and how often it is fetched: the largest take a thousand times as long. */
const SIZES: readonly (readonly [number, number])[] = [
  [KB, 1_000],
  [100 * KB, 200],
  [8 * MB, 8],
];
const CONNECTIONS = 4;
/** Calls to a service that answers with a gigabyte, one after the other. */
const FLOODS = 8;
const SAMPLE_MS = 5;

export interface BodyRow {
  readonly bytes: number;
  readonly directPerSecond: number;
  readonly perSecond: number;
  /** Of the direct throughput. */
  readonly ratio: number;
  readonly addedP50Ms: number;
}

export interface Bodies {
  readonly rows: readonly BodyRow[];
  /** Megabytes that gateway and connector grew by while a service sent gigabytes. */
  readonly flood: { readonly gatewayMb: number; readonly connectorMb: number };
  readonly calls: number;
}

/** What the size of an answer costs, against the same answer without anything between. */
export async function bodies(governed: Governed, upstream: string): Promise<Bodies> {
  const rows: BodyRow[] = [];
  let made = 0;
  for (const [bytes, calls] of SIZES) {
    const warmUp = Math.ceil(calls / 4);
    const shared = { connections: CONNECTIONS, calls, warmUp, expect: "xxxxxxxx" };
    const direct = await load(
      {
        ...{ url: `${upstream}/bodies/${bytes}`, method: "GET", headers: {}, body: null },
        ...{ proofs: null, ...shared },
      },
      () => undefined,
    );
    const plan = await governedPlan(governed.opened, "body_read", String(bytes), calls + warmUp);
    const through = await load({ ...plan, ...shared }, () => undefined);
    made += calls + warmUp;
    rows.push({
      bytes,
      directPerSecond: direct.perSecond,
      perSecond: through.perSecond,
      ratio: through.perSecond / direct.perSecond,
      addedP50Ms: through.p50Ms - direct.p50Ms,
    });
  }
  return { rows, flood: await flood(governed), calls: made + FLOODS };
}

async function flood(governed: Governed): Promise<Bodies["flood"]> {
  const pids = [governed.gateway.pid, governed.connector.pid];
  const before = pids.map(residentMb);
  const peak = [...before];
  const timer = setInterval(() => {
    for (const [at, pid] of pids.entries()) peak[at] = Math.max(peak[at] ?? 0, residentMb(pid));
  }, SAMPLE_MS);
  const plan = await governedPlan(governed.opened, "body_read", "flood", FLOODS);
  const expect = '"response_too_large"';
  await load({ ...plan, connections: 1, calls: FLOODS, warmUp: 0, expect }, () => undefined);
  clearInterval(timer);
  const [gatewayMb = 0, connectorMb = 0] = peak.map((one, at) => one - (before[at] ?? 0));
  return { gatewayMb, connectorMb };
}

export async function governedPlan(
  { url: base, workflow, credential, proofKey }: Opened,
  tool: string,
  size: string,
  count: number,
): Promise<Omit<LoadPlan, "connections" | "calls" | "warmUp" | "expect">> {
  const url = `${base}/v1/workflows/${workflow}/calls`;
  const method = "POST";
  return {
    ...{ url, method },
    headers: { authorization: `DPoP ${credential}`, "content-type": "application/json" },
    body: JSON.stringify({ tool, arguments: { size } }),
    proofs: await Proofs.sign(proofKey, count, { method, url, credential }),
  };
}

export function bodiesReport({ rows, flood: { gatewayMb, connectorMb } }: Bodies): string {
  const lines = rows.map(
    ({ bytes, directPerSecond, perSecond, ratio, addedP50Ms }) =>
      `${sized(bytes).padStart(8)}  direct ${directPerSecond.toFixed(0).padStart(6)}/s  governed ` +
      `${perSecond.toFixed(0).padStart(5)}/s  ${(ratio * 100).toFixed(1).padStart(5)} %  added p50 ` +
      `${addedP50Ms.toFixed(1).padStart(6)} ms`,
  );
  const grown = `gateway ${gatewayMb.toFixed(0)} MB, connector ${connectorMb.toFixed(0)} MB`;
  return `\nbodies, ${CONNECTIONS} connections\n${lines.join("\n")}\n${FLOODS} answers of 1 GB, cut at 8 MiB: ${grown} more than before\n`;
}

function sized(bytes: number): string {
  return bytes >= MB ? `${bytes / MB} MiB` : `${bytes / KB} KB`;
}
