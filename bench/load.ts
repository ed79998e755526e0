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
  readonly proofs: Proofs | null;
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
  const { latencies, seconds } = await latenciesOf(plan, begin);
  return {
    calls: plan.calls,
    seconds,
    perSecond: plan.calls / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

/** Of sorted values. */
export function quantile(values: ArrayLike<number>, share: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
}

/** In milliseconds, the fastest first. */
export async function latenciesOf(
  plan: LoadPlan,
  begin: () => void,
): Promise<{ readonly latencies: Float64Array; readonly seconds: number }> {
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
      const proof = await plan.proofs?.next();
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
  return { latencies: latencies.sort(), seconds };
}

/** A gateway takes no proof older than half a minute: under load some wait longer for their turn. */
const FRESH_MS = 15_000;

interface Signing {
  readonly method: string;
  readonly url: string;
  readonly credential: string;
}

/** One fresh proof a call, signed before the clock starts; what got too old by then is signed again. */
export class Proofs {
  readonly #key: ProofKey;
  readonly #request: Signing;
  readonly #signed: { readonly proof: string; readonly at: number }[] = [];

  constructor(key: ProofKey, request: Signing) {
    this.#key = key;
    this.#request = request;
  }

  /** For a call each, warm-up included. */
  static async sign(key: ProofKey, count: number, request: Signing): Promise<Proofs> {
    const proofs = new Proofs(key, request);
    for (let made = 0; made < count; made++) proofs.#signed.push(await proofs.#sign());
    proofs.#signed.reverse();
    return proofs;
  }

  async next(): Promise<string> {
    const { proof, at } = this.#signed.pop() ?? (await this.#sign());
    return Date.now() - at < FRESH_MS ? proof : (await this.#sign()).proof;
  }

  async #sign(): Promise<{ readonly proof: string; readonly at: number }> {
    const at = Date.now();
    return { proof: await this.#key.prove({ ...this.#request, now: at }), at };
  }
}
