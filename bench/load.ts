import { Client } from "undici";
import type { ProofKey } from "../src/sdk/proof.ts";

/** One closed loop per connection: each sends its next request when it has its last answer. */
export interface LoadPlan {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: { readonly [name: string]: string };
  readonly body: string | null;
  readonly connections: number;
  readonly calls: number;
  /** One fresh proof a call, signed before the clock starts. */
  readonly proofs: readonly string[] | null;
  /** What an answer must contain to count; anything else voids the run. */
  readonly expect: string;
}

export interface LoadResult {
  readonly calls: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export async function load(plan: LoadPlan): Promise<LoadResult> {
  const { origin, pathname, search } = new URL(plan.url);
  const latencies = new Float64Array(plan.calls);
  let next = 0;
  const clients = Array.from({ length: plan.connections }, () => new Client(origin, { pipelining: 1 }));
  const loop = async (client: Client): Promise<void> => {
    for (let at = next++; at < plan.calls; at = next++) {
      const proof = plan.proofs?.[at];
      const started = performance.now();
      const answer = await client.request({
        path: pathname + search,
        method: plan.method,
        headers: { ...plan.headers, ...(proof !== undefined && { dpop: proof }) },
        body: plan.body,
      });
      const text = await answer.body.text();
      latencies[at] = performance.now() - started;
      if (answer.statusCode !== 200 || !text.includes(plan.expect)) {
        throw new Error(`void: status ${answer.statusCode}, answer without ${plan.expect}`);
      }
    }
  };
  const started = performance.now();
  await Promise.all(clients.map(loop));
  const seconds = (performance.now() - started) / 1_000;
  await Promise.all(clients.map((client) => client.close()));
  latencies.sort();
  const at = (share: number): number => latencies[Math.min(plan.calls - 1, Math.floor(plan.calls * share))] ?? 0;
  return {
    calls: plan.calls,
    seconds,
    perSecond: plan.calls / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

export async function signProofs(
  key: ProofKey,
  count: number,
  request: { readonly method: string; readonly url: string; readonly credential: string },
): Promise<string[]> {
  const proofs: string[] = [];
  for (let at = 0; at < count; at++) proofs.push(await key.prove({ ...request, now: Date.now() }));
  return proofs;
}
