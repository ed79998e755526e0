import { genesis, link, stamp } from "../core/audit/chain.ts";
import type { BundleView, Tool } from "../core/model/bundle.ts";
import type { Command, Presenter } from "../core/model/command.ts";
import type { WorkflowEvent } from "../core/model/event.ts";
import { canonical, type Json, type JsonObject } from "../core/model/json.ts";
import type { LockTable } from "../core/model/lock.ts";
import type { Outcome } from "../core/model/outcome.ts";
import { decide, inputOf } from "../core/session/decide.ts";
import type { Decision } from "../core/session/decision.ts";
import { evolve } from "../core/session/evolve.ts";
import type { Facts } from "../core/session/facts.ts";
import { NEW_WORKFLOW, type WorkflowState } from "../core/session/state.ts";
import {
  ALLOW,
  type Authority,
  bundleOf,
  mac,
  openCommand,
  readTool,
  type Script,
  scripted,
  sha256,
  writeTool,
} from "../core/testing.ts";
import { type CallRequest, callTool } from "./call.ts";
import {
  AuditUnavailable,
  type Bundle,
  type Committed,
  type Finished,
  type Gateway,
  type Keep,
  type OutboundAnswer,
  type OutboundRequest,
  type Session,
  type StoredEvent,
  type ToolPreview,
  type ToolRuntime,
} from "./ports.ts";

export const CALLER = {
  tenant: "acme",
  workflow: "wf_1",
  seat: "seat_1",
  agent: "support-agent",
  human: "human-pseudonym",
};
export const ANSWER: OutboundAnswer = {
  ok: true,
  status: 200,
  contentType: "application/json",
  encoding: "utf8",
  body: '{"name":"Ada"}',
  truncated: false,
};
export const FINISHED: Extract<Finished, { ok: true }> = {
  ok: true,
  result: { kind: "json", value: { name: "Ada" } },
  redactions: [],
  counts: [],
  dropped: 0,
  undeclared: 0,
  truncation: null,
  bytes: 14,
  canaries: 0,
};

/** A preview that answers 1 → 2, as the agent may see it. */
export const PREVIEW: ToolPreview = {
  bound: true,
  request: () => requestFor("GET"),
  read: () => ({
    ok: true,
    before: { amount: 1 },
    after: { amount: 2 },
    change: [
      { op: "test", path: "/amount", value: 1 },
      { op: "replace", path: "/amount", value: 2 },
    ],
    classes: ["ticket"],
    etag: '"v1"',
  }),
  show: ({ change }) => ({ change, hidden: [] }),
};

function requestFor(method: string) {
  return {
    operation: {
      http: { method, destination: "d", path: "/", query: "", contentDigest: null },
    },
    body: null,
    contentType: null,
  };
}

/** A gateway whose parts are scripted; what left it and what was recorded stand in order in `log`. */
export class Bench {
  readonly log: string[] = [];
  readonly sent: OutboundRequest[] = [];
  readonly claims: unknown[] = [];
  /** False: no key of the tenant may sign call tokens. */
  signs = true;
  now = 1_800_000_000_000;
  locks: LockTable | null = { epoch: 0, locks: [], revocations: [] };
  answer: () => Promise<OutboundAnswer> = () => Promise.resolve(ANSWER);
  finished: Finished = FINISHED;
  failCommitOf: WorkflowEvent["type"] | null = null;
  afterCommit: (event: WorkflowEvent) => void = () => undefined;
  script: Script = () => ALLOW;
  authority: Authority = () => ALLOW;
  connected = true;
  /** Who serves the next call. */
  chosen: Presenter = { connector: "con_1", session: "nonce" };
  /** Monotonic. */
  elapsed = 0;
  /** Of what is written. */
  path = "/";
  /** Sealed inputs are gone. */
  erased = false;
  preview: ToolPreview | null = null;
  undo: ToolRuntime["undo"] = () => null;
  bundle: BundleView;
  tools: readonly Tool[];
  readonly kept = new Map<string, Json>();
  readonly inputs = new Map<string, Json>();
  readonly #inputsAt = new Map<number, Json>();
  readonly #stored: StoredEvent[] = [];
  #state = NEW_WORKFLOW;
  #head = genesis(sha256, "acme", "wf_1");
  #waiting: (() => void)[] = [];
  #ids = 0;

  constructor(tools: readonly Tool[] = [readTool(), writeTool()], more: Partial<BundleView> = {}) {
    this.tools = tools;
    this.bundle = bundleOf(tools, undefined, undefined, more);
  }

  get state(): WorkflowState {
    return this.#state;
  }

  async open(): Promise<this> {
    await this.submit(openCommand());
    return this;
  }

  call(
    tool = "customers_find",
    args: JsonObject = { region: "eu" },
    more: Partial<CallRequest> = {},
  ): Promise<Outcome> {
    const request = { tool, arguments: args, idempotencyKey: null, ...more };
    return callTool(this.gateway(), CALLER, request);
  }

  consider(command: Command): Decision {
    const facts = this.#facts();
    return decide(this.#state, command, facts, inputOf(command, facts));
  }

  #facts(): Facts {
    return {
      now: this.now,
      bundle: this.bundle,
      locks: this.locks,
      evaluator: scripted(this.script, this.authority),
      hash: sha256,
      mac,
    };
  }

  async submit(command: Command, keep?: Keep): Promise<Committed> {
    const facts = this.#facts();
    const decision = decide(this.#state, command, facts, inputOf(command, facts));
    const [body] = decision.events;
    if (body === undefined) return { result: decision.result, event: null, state: this.#state };
    if (body.type === this.failCommitOf) throw new AuditUnavailable("disk full");
    const event = stamp(body, this.#state.next, facts.now, "wf_1");
    this.#head = link(sha256, this.#head, canonical(event));
    this.#state = evolve(this.#state, event);
    const stored = { event, hash: this.#head };
    this.#inputsAt.set(event.seq, JSON.parse(inputOf(command, facts)) as Json);
    this.#stored.push(stored);
    const committed = { result: decision.result, event: stored, state: this.#state };
    if ("call" in event) {
      this.inputs.set(event.call ?? "", JSON.parse(inputOf(command, facts)) as Json);
      for (const [kind, value] of Object.entries(keep?.(decision.result, this.#state) ?? {})) {
        this.kept.set(`${event.call}/${kind}`, JSON.parse(JSON.stringify(value)) as Json);
      }
    }
    await Promise.resolve();
    this.log.push(event.type);
    this.afterCommit(event);
    for (const done of this.#waiting.splice(0)) done();
    return committed;
  }

  gateway(): Gateway {
    const runtimes = new Map(this.tools.map((tool) => [tool.id, this.#runtime(tool)]));
    const bundle: Bundle = {
      view: this.bundle,
      evaluator: scripted(
        (question) => this.script(question),
        (question) => this.authority(question),
      ),
      agents: new Map(),
      tool: (id) => runtimes.get(id),
    };
    return {
      sessions: {
        find: () => Promise.resolve(this.#session()),
        create: () => this.#session(),
        live: () => 0,
      },
      bundles: { active: () => bundle },
      connectors: {
        choose: () => (this.connected ? this.chosen : null),
        session: (_tenant, connector) =>
          this.connected && this.chosen.connector === connector ? this.chosen : null,
        send: (_tenant, _presenter, request) => {
          this.log.push("sent");
          this.sent.push(request);
          return this.answer();
        },
      },
      locks: { now: () => this.locks },
      tokens: {
        mint: (_tenant, claims, life) => {
          if (!this.signs) return null;
          this.claims.push({ ...claims, life });
          return "token";
        },
      },
      system: {
        now: () => this.now,
        elapsed: () => this.elapsed,
        id: (prefix) => `${prefix}_${++this.#ids}`,
        salt: () => sha256(`salt ${++this.#ids}`).slice(0, 32),
        sha256,
      },
      evidence: {
        events: (_tenant, _workflow, after, limit) =>
          Promise.resolve(this.#stored.filter(({ event }) => event.seq > after).slice(0, limit)),
        call: (_tenant, call) =>
          Promise.resolve(
            this.#stored.filter(({ event }) => "call" in event && event.call === call),
          ),
        checkpoint: () => Promise.resolve(null),
      },
      signals: { raise: () => Promise.resolve() },
      keys: { standing: () => "own", holds: () => true },
      refusals: { exchange: () => Promise.resolve() },
      sources: { lookup: () => Promise.resolve({}), learn: () => undefined },
      approvals: {
        pending: () => this.#state.approvals.map(({ id }) => ({ id, workflow: "wf_1" })),
        workflowOf: (_tenant, id) =>
          this.#state.approvals.some((one) => one.id === id) ? "wf_1" : null,
      },
      links: { approval: (tenant, id) => `https://gate.example/${tenant}/approvals/${id}` },
    };
  }

  #session(): Session {
    const current = (): WorkflowState => this.#state;
    return {
      get state() {
        return current();
      },
      keyDigest: "",
      submit: (command, keep) => this.submit(command, keep),
      consider: (command) => this.consider(command),
      moved: (seq, ms) =>
        current().next > seq + 1 || ms <= 0
          ? Promise.resolve(current().next > seq + 1)
          : new Promise((resolve) => this.#waiting.push(() => resolve(true))),
      kept: (call, kind) => Promise.resolve(this.kept.get(`${call}/${kind}`) ?? null),
      input: (call) => Promise.resolve(this.inputs.get(call) ?? null),
      inputAt: (seq) => Promise.resolve(this.erased ? null : (this.#inputsAt.get(seq) ?? null)),
    };
  }

  #runtime(tool: Tool): ToolRuntime {
    return {
      tool,
      title: tool.id,
      description: "",
      inputSchema: {},
      outputSchema: null,
      maxAnswerBytes: 1_000_000,
      preview: tool.preview === null ? null : (this.preview ?? PREVIEW),
      sendsIdempotencyKey: true,
      shape: (args) =>
        args === null
          ? { ok: false, at: [""] }
          : { ok: true, args: args as JsonObject, policyArguments: {} },
      target: canonical,
      sourceTexts: () => new Map(),
      undo: (args, observed) => this.undo(args, observed),
      request: (args) => {
        const { operation, ...request } = requestFor("POST");
        const contentDigest = sha256(canonical(args));
        const http = { ...operation.http, contentDigest, path: this.path };
        return { ...request, operation: { http } };
      },
      finish: () => this.finished,
    };
  }
}
