import { type Answer, send } from "./http.ts";
import type { Agent } from "./keys.ts";
import type { Tenant } from "./tenant.ts";

/** An outcome, as loosely as an outsider reads it; the OpenAPI document has checked it by then. */
export interface Outcome {
  readonly outcome: string;
  readonly call: string;
  readonly result?: {
    readonly kind: string;
    readonly value?: unknown;
    readonly text?: string;
    readonly base64?: string;
  };
  readonly redactions?: readonly {
    readonly path: string;
    readonly dataClass: string;
    readonly ruleIds: readonly string[];
    readonly transform: string;
  }[];
  readonly dropped?: number;
  readonly truncated?: boolean;
  readonly truncation?: {
    readonly places: readonly { readonly path: string; readonly kept: number }[];
  };
  readonly reason?: {
    readonly code: string;
    readonly kind?: string;
    readonly policyClass?: string;
    readonly ruleIds?: readonly string[];
    readonly policyVersion?: string;
    readonly message: string;
    readonly status?: number;
    readonly at?: readonly string[];
  };
  readonly remedy?: string;
  readonly retryable?: boolean;
  readonly retryAfter?: number;
  readonly reconcile?: string;
}

export interface Budget {
  readonly calls: number;
  readonly cost: number;
  readonly runtimeMs: number;
  readonly tokens: number;
  readonly tools: { readonly [tool: string]: number };
}

export interface StoredEvent {
  readonly event: { readonly type: string; readonly seq: number; readonly at: number } & {
    readonly [field: string]: unknown;
  };
  readonly hash: string;
}

export interface RequestChange {
  readonly headers?: { readonly [name: string]: string };
  /** Text sent as it is, instead of JSON. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly credential?: string | null;
  readonly proof?: string | null;
  /** The client hangs up. */
  readonly signal?: AbortSignal;
}

/** One open workflow in the hands of its agent. */
export class Workflow {
  readonly tenant: Tenant;
  readonly agent: Agent;
  readonly id: string;
  readonly seat: string;
  readonly tools: readonly string[];
  readonly expiresIn: number;
  credential: string;
  #nonce: string | undefined;

  private constructor(tenant: Tenant, agent: Agent, grant: Grant) {
    const [detail] = grant.authorization_details;
    if (detail === undefined) throw new Error("the exchange named no workflow");
    this.tenant = tenant;
    this.agent = agent;
    this.id = detail.workflow;
    this.seat = detail.seat;
    this.tools = detail.tools;
    this.credential = grant.access_token;
    this.expiresIn = grant.expires_in;
  }

  static from(tenant: Tenant, agent: Agent, answer: Answer): Workflow {
    return new Workflow(tenant, agent, answer.body as Grant);
  }

  get url(): string {
    return `${this.tenant.url}/v1/workflows/${this.id}`;
  }

  /** Credential and a fresh proof for one request. */
  async authorise(
    method: string,
    url: string,
    change: RequestChange = {},
  ): Promise<Record<string, string>> {
    const token = change.credential === undefined ? this.credential : change.credential;
    const proof =
      change.proof === undefined
        ? await this.agent.proof(method, url, { token: token ?? undefined, nonce: this.#nonce })
        : change.proof;
    if (proof !== null) this.tenant.tokens.push(proof);
    return {
      ...(token !== null && { authorization: `DPoP ${token}` }),
      ...(proof !== null && { dpop: proof }),
    };
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    change: RequestChange = {},
  ): Promise<Answer> {
    const url = path.startsWith("http") ? path : `${this.url}${path}`;
    const text = change.raw ?? (body === undefined ? undefined : JSON.stringify(body));
    for (let attempt = 1; ; attempt++) {
      const answer = await send(url, {
        method,
        headers: {
          ...(text !== undefined && { "content-type": "application/json" }),
          ...(await this.authorise(method, url, change)),
          ...change.headers,
        },
        ...(text !== undefined && { body: text }),
        ...(change.signal !== undefined && { signal: change.signal }),
      });
      const nonce = answer.headers.get("dpop-nonce");
      if (nonce === null || attempt > 1 || change.proof !== undefined) return answer;
      this.#nonce = nonce;
    }
  }

  async call(tool: string, args: object = {}, idempotencyKey?: string): Promise<Outcome> {
    const answer = await this.request(
      "POST",
      "/calls",
      { tool, arguments: args },
      { headers: { ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }) } },
    );
    if (answer.status !== 200) throw new Error(`no outcome: ${answer.status} ${answer.text}`);
    return answer.body as Outcome;
  }

  async events(): Promise<StoredEvent[]> {
    const all: StoredEvent[] = [];
    for (let after: number | null = -1; after !== null;) {
      const { body } = await this.request("GET", `/events?after=${after}`);
      const page = body as { events: StoredEvent[]; next: number | null };
      all.push(...page.events);
      after = page.next;
    }
    return all;
  }

  /** The events of one call, in order. */
  async eventsOf(call: string): Promise<StoredEvent["event"][]> {
    return (await this.events())
      .map(({ event }) => event)
      .filter((event) => event["call"] === call);
  }

  async view(): Promise<{
    readonly status: string;
    readonly inFlight: number;
    readonly limits: Partial<Budget>;
    readonly used: Budget;
  }> {
    return (await this.request("GET", "")).body as Awaited<ReturnType<Workflow["view"]>>;
  }
}

interface Grant {
  readonly access_token: string;
  readonly expires_in: number;
  readonly authorization_details: readonly {
    readonly workflow: string;
    readonly seat: string;
    readonly tools: readonly string[];
  }[];
}
