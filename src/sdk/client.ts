import type { WorkflowEvent } from "../core/model/event.ts";
import type { Json, JsonObject } from "../core/model/json.ts";
import { isObject } from "../core/model/json.ts";
import type { Outcome } from "../core/model/outcome.ts";
import type { ToolListing } from "../core/model/tool-listing.ts";
import { type Connection, createDoor, type Door, exchange } from "./door.ts";
import { PosternError } from "./error.ts";
import type { Granted, SeatAsk, WorkflowAsk } from "./oauth.ts";
import { ProofKey } from "./proof.ts";
import type { PrivateKeyJwk } from "./sign.ts";
import { readAnswer } from "./transport.ts";

/** Milliseconds before its end at which a credential is renewed. */
const RENEW_BEFORE_MS = 60_000;

export interface OpenOptions extends Connection, WorkflowAsk {
  /** The human's ID token for the gateway's audience; it opens one workflow, once. */
  readonly subjectToken: string;
}

/** What an agent keeps to go on after a crash. It holds a private key: keep it like a password. */
export interface SavedWorkflow extends Granted {
  readonly proofKey: PrivateKeyJwk;
  /** Milliseconds. */
  readonly credentialEndsAt: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Sent again with the same key, the call is not done twice: its first end is told again. */
  readonly idempotencyKey?: string;
  /** Wait for humans: send the identical call again until the request is decided or runs out. */
  readonly untilDecided?: boolean;
}

export interface UndoRefused {
  readonly refused: { readonly code: string; readonly message: string };
}

export interface UndoStep {
  readonly call: string;
  readonly tool: string;
  /** The tool that takes it back; null: nothing does. */
  readonly undo: string | null;
  /** Why nothing does. */
  readonly code: string | null;
}

export interface EventPage {
  readonly events: readonly { readonly event: WorkflowEvent; readonly hash: string }[];
  /** Pass as `after` for the next page; null at the end. */
  readonly next: number | null;
}

export const PosternClient = {
  /** A human starts this agent: the token exchange, with a fresh key that the workflow is bound to. */
  async open(options: OpenOptions): Promise<Workflow> {
    const { purpose, tools, limits, lifeMs, inputs } = options;
    const ask: WorkflowAsk = {
      purpose,
      ...(tools && { tools }),
      ...(limits && { limits }),
      ...(lifeMs !== undefined && { lifeMs }),
      ...(inputs && { inputs }),
    };
    const door = await createDoor(options, await ProofKey.generate());
    const { subjectToken } = options;
    const grant = await exchange(door, { kind: "open", subjectToken, ask });
    return new Workflow(door, grant, door.transport.now() + grant.expiresInS * 1_000);
  },

  /** Goes on with a workflow that `save()` wrote down, for as long as the workflow lives. */
  async resume(connection: Connection, saved: SavedWorkflow): Promise<Workflow> {
    const { proofKey, credentialEndsAt, ...grant } = saved;
    const door = await createDoor(connection, await ProofKey.import(proofKey));
    return new Workflow(door, grant, credentialEndsAt);
  },
};

/** An open workflow: calls, the agent's own state, and headers for clients of other protocols. */
export class Workflow {
  readonly id: string;
  readonly seat: string;
  /** Tools this seat may call. */
  readonly tools: readonly string[];
  /** Milliseconds: when the workflow ends. */
  readonly expiresAt: number;
  /** Where MCP is spoken. */
  readonly mcpUrl: string;
  readonly #door: Door;
  #grant: Granted;
  #credentialEndsAt: number;
  #renewing: Promise<void> | null = null;

  constructor(door: Door, grant: Granted, credentialEndsAt: number) {
    this.id = grant.workflow;
    this.seat = grant.seat;
    this.tools = grant.tools;
    this.expiresAt = grant.expiresAt;
    this.mcpUrl = `${door.base}/mcp`;
    this.#door = door;
    this.#grant = grant;
    this.#credentialEndsAt = credentialEndsAt;
  }

  /** One governed call. Every outcome is a value, denials too; only a request without one throws. */
  async call(tool: string, args: JsonObject = {}, options: CallOptions = {}): Promise<Outcome> {
    const { untilDecided = false } = options;
    for (;;) {
      const outcome = await this.#call(tool, args, options);
      if (!untilDecided || !waits(outcome, this.#door)) return outcome;
    }
  }

  async #call(tool: string, args: JsonObject, options: CallOptions): Promise<Outcome> {
    const { signal, idempotencyKey, untilDecided = false } = options;
    const answer = await this.#request("POST", "/calls", {
      body: JSON.stringify({ tool, arguments: args }),
      headers: {
        ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
        ...(!untilDecided && { prefer: "wait=0" }),
      },
      ...(signal && { signal }),
    });
    if (!isObject(answer) || typeof answer["outcome"] !== "string") throw badAnswer();
    return answer as unknown as Outcome;
  }

  /**
   * Proposes the inverse of a call that another workflow of the same human committed, as a call of
   * this one: a governed call like any other. `refused` says why there is none.
   */
  async undo(call: string, options: CallOptions = {}): Promise<Outcome | UndoRefused> {
    const { signal, untilDecided = false } = options;
    const body = JSON.stringify({ call });
    for (;;) {
      const answer = await this.#request("POST", "/undo", {
        body,
        headers: untilDecided ? {} : { prefer: "wait=0" },
        ...(signal && { signal }),
      });
      if (!isObject(answer)) throw badAnswer();
      const outcome = answer as unknown as Outcome | UndoRefused;
      if ("refused" in outcome || !untilDecided || !waits(outcome, this.#door)) return outcome;
    }
  }

  /** What a workflow of the same human changed, the last first, and what would take it back. */
  async undoPlan(workflow: string): Promise<readonly UndoStep[]> {
    const answer = await this.#request("GET", `/undo?of=${encodeURIComponent(workflow)}`);
    if (!isObject(answer) || !Array.isArray(answer["steps"])) throw badAnswer();
    return answer["steps"] as unknown as readonly UndoStep[];
  }

  /**
   * Gives another agent a seat in this workflow, with no more than this one has. `actorToken` is that
   * agent's own word (`Applicant`); the grant is handed to it, and is of use to nobody else.
   */
  async delegate(actorToken: string, ask: SeatAsk = {}): Promise<Granted> {
    const subjectToken = await this.credential();
    return exchange(this.#door, { kind: "delegate", subjectToken, actorToken, ask });
  }

  /** A credential with at least a minute to live, while the workflow lasts. */
  async credential(): Promise<string> {
    const now = this.#door.transport.now();
    const endsSoon = now >= this.#credentialEndsAt - RENEW_BEFORE_MS;
    // The last credential lasts as long as the workflow: renewing it would bring nothing.
    if (endsSoon && this.#credentialEndsAt + 1_000 < this.expiresAt) await this.renew();
    return this.#grant.credential;
  }

  async renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    await this.#renewing;
  }

  /** Headers for one request to the gateway, for example of an MCP client; never use them twice. */
  async authorize(url: string, method: string): Promise<{ authorization: string; dpop: string }> {
    const credential = await this.credential();
    const dpop = await this.#door.transport.prove(method, url, credential);
    return { authorization: `DPoP ${credential}`, dpop };
  }

  /** `fetch` with credential and proof, for clients that take one; the body must be text. */
  readonly fetch = async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    const url = input.toString();
    if (new URL(url).origin !== new URL(this.mcpUrl).origin) {
      throw new TypeError("a workflow's credential goes to its own gateway only");
    }
    const { method = "GET", body, signal } = init;
    if (body !== undefined && body !== null && typeof body !== "string") {
      throw new TypeError("only a text body can be sent again with a new proof");
    }
    return this.#door.transport.send(async () => ({
      method,
      url,
      headers: {
        ...Object.fromEntries(new Headers(init.headers)),
        ...(await this.authorize(url, method)),
      },
      ...(typeof body === "string" && { body }),
      ...(signal && { signal }),
    }));
  };

  readonly checkpoint = {
    /** Null: nothing was saved. */
    get: async (): Promise<Json> => {
      try {
        const answer = await this.#request("GET", "/checkpoint");
        return isObject(answer) ? (answer["value"] ?? null) : null;
      } catch (error) {
        if (error instanceof PosternError && error.status === 404) return null;
        throw error;
      }
    },
    put: async (value: Json): Promise<void> => {
      await this.#request("PUT", "/checkpoint", { body: JSON.stringify(value) });
    },
  };

  async events(after = -1): Promise<EventPage> {
    const answer = await this.#request("GET", `/events?after=${after}`);
    if (!isObject(answer) || !Array.isArray(answer["events"])) throw badAnswer();
    return answer as unknown as EventPage;
  }

  /** State, limits and use, as the gateway tells them. */
  async show(): Promise<JsonObject> {
    const answer = await this.#request("GET", "");
    if (!isObject(answer)) throw badAnswer();
    return answer;
  }

  /** Tools that a call of this seat might be let through to now, by name. */
  async listTools(): Promise<readonly ToolListing[]> {
    return this.#toolsAt("/tools");
  }

  /** Those of them that have words of a task, the best first. */
  async findTools(task: string, limit = 10): Promise<readonly ToolListing[]> {
    return this.#toolsAt(`/tools?task=${encodeURIComponent(task)}&limit=${limit}`);
  }

  async #toolsAt(path: string): Promise<readonly ToolListing[]> {
    const answer = await this.#request("GET", path);
    if (!isObject(answer) || !Array.isArray(answer["tools"])) throw badAnswer();
    return answer["tools"] as unknown as readonly ToolListing[];
  }

  /** Tokens that the agent's models used. Over a ceiling of the budget, the next call is refused. */
  async reportUsage(tokens: number): Promise<void> {
    await this.#request("POST", "/usage", { body: JSON.stringify({ tokens }) });
  }

  async close(): Promise<void> {
    await this.#request("POST", "/close");
  }

  async save(): Promise<SavedWorkflow> {
    const proofKey = await this.#door.transport.proofKey.export();
    return { ...this.#grant, proofKey, credentialEndsAt: this.#credentialEndsAt };
  }

  async #renew(): Promise<void> {
    const subjectToken = this.#grant.credential;
    const grant = await exchange(this.#door, { kind: "renew", subjectToken });
    if (grant.workflow !== this.id || grant.seat !== this.seat) throw badAnswer();
    this.#grant = grant;
    this.#credentialEndsAt = this.#door.transport.now() + grant.expiresInS * 1_000;
  }

  async #request(
    method: string,
    path: string,
    { body, headers = {}, signal }: Sent = {},
  ): Promise<unknown> {
    const url = `${this.#door.base}/v1/workflows/${this.id}${path}`;
    const response = await this.fetch(url, {
      method,
      ...(body !== undefined && {
        body,
        headers: { ...headers, "content-type": "application/json" },
      }),
      ...(signal && { signal }),
    });
    return readAnswer(response);
  }
}

/** Worth asking again? The gateway holds an identical call for most of a minute: no busy loop. */
function waits(outcome: Outcome, door: Door): boolean {
  return (
    outcome.outcome === "human_approval_required" &&
    Date.parse(outcome.approval.expiresAt) > door.transport.now()
  );
}

interface Sent {
  readonly body?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly signal?: AbortSignal;
}

function badAnswer(): PosternError {
  return new PosternError("bad_answer", 200, "The gateway's answer has another form.");
}
