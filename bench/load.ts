import { Client } from "undici";
import type { ProofKey } from "../src/sdk/proof.ts";

/** One closed loop per connection: each sends its next request when it has its last answer. */
export interface LoadPlan {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: { readonly [name: string]: string };
  readonly body: string | null;
  readonly connections: number;
  /** Measured calls; before them come others over the same connections. */
  readonly calls: number;
  readonly warmUp: number;
  /** One fresh proof a call, warm-up included, signed before the clock starts. */
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

/** The first calls pay for compilation and for connecting; they are made and not measured. */
export const WARM_UP = 1_000;

/** `begin` runs when the measured part starts. */
export async function load(plan: LoadPlan, begin: () => void): Promise<LoadResult> {
  const { origin, pathname, search } = new URL(plan.url);
  const { warmUp } = plan;
  const total = warmUp + plan.calls;
  const latencies = new Float64Array(plan.calls);
  let next = 0;
  let started = 0;
  const clients = Array.from(
    { length: plan.connections },
    () => new Client(origin, { pipelining: 1 }),
  );
  const loop = async (client: Client): Promise<void> => {
    for (let at = next++; at < total; at = next++) {
      if (at === warmUp) {
        begin();
        started = performance.now();
      }
      const proof = plan.proofs?.[at];
      const sent = performance.now();
      const answer = await client.request({
        path: pathname + search,
        method: plan.method,
        headers: { ...plan.headers, ...(proof !== undefined && { dpop: proof }) },
        body: plan.body,
      });
      const text = await answer.body.text();
      if (at >= warmUp) latencies[at - warmUp] = performance.now() - sent;
      if (answer.statusCode !== 200 || !text.includes(plan.expect)) {
        throw new Error(`void: status ${answer.statusCode}, answer without ${plan.expect}`);
      }
    }
  };
  await Promise.all(clients.map(loop));
  const seconds = (performance.now() - started) / 1_000;
  await Promise.all(clients.map((client) => client.close()));
  latencies.sort();
  const at = (share: number): number =>
    latencies[Math.min(plan.calls - 1, Math.floor(plan.calls * share))] ?? 0;
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
