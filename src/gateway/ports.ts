import type { LockTable } from "../core/model/lock.ts";
import type { ArgumentSources, Command, KeyStanding } from "../core/model/command.ts";
import type { BundleView, Tool } from "../core/model/bundle.ts";
import type { Change } from "../core/model/change.ts";
import type { Json, JsonObject } from "../core/model/json.ts";
import type { Request } from "../core/model/operation.ts";
import type {
  FailureCode,
  Fault,
  Redaction,
  ToolResult,
  Truncation,
} from "../core/model/outcome.ts";
import type { CallAdmitted, RedactionCount, WorkflowEvent } from "../core/model/event.ts";
import type { Evaluator, RedactionPlan, Tier } from "../core/model/policy.ts";
import type { CallTokenClaims } from "../core/model/claims.ts";
import type { Presenter } from "../core/model/command.ts";
import type { Decision, Result } from "../core/session/decision.ts";
import type { WorkflowState } from "../core/session/state.ts";
import type { TenantSignal } from "../core/session/tenant-signal.ts";

/**
 * What a host plugs in under the gateway. Node: one process, SQLite, tunnels. Cloudflare: Durable
 * Objects and bindings. Nothing here knows which.
 */
export interface Gateway {
  readonly sessions: Sessions;
  readonly bundles: Bundles;
  readonly connectors: Connectors;
  readonly locks: Locks;
  readonly tokens: CallTokens;
  readonly system: System;
  readonly evidence: Evidence;
  readonly refusals: Refusals;
  readonly links: Links;
  readonly approvals: ApprovalIndex;
  readonly sources: SourceMemory;
  readonly keys: AgentKeys;
  readonly signals: TenantSignals;
}

/** Signals that belong to no workflow. */
export interface TenantSignals {
  /** What follows is in force in this very turn; resolves when it is recorded, or cannot be. */
  raise(tenant: string, signal: TenantSignal): Promise<void>;
}

/** Whose an agent's key is: a thumbprint registers once, for one agent of one tenant. */
export interface AgentKeys {
  /** As of this very turn; `own` also where nobody has it yet. */
  standing(tenant: string, agent: string, jkt: string): KeyStanding;
  /** Some agent of this tenant has it. */
  holds(tenant: string, jkt: string): boolean;
}

/** Which workflow a request for approval belongs to. */
export interface ApprovalIndex {
  /** Not decided, not run out; the first to run out comes first. At most 200. */
  pending(
    tenant: string,
    now: number,
  ): readonly { readonly id: string; readonly workflow: string }[];
  /** Null: unknown, or another tenant's (P7). */
  workflowOf(tenant: string, approval: string): string | null;
}

/** Which texts a workflow has seen, and from whom (design section 7). */
export interface SourceMemory {
  /** Not found, too short, past the caps, or not known: `unknown`. */
  lookup(
    place: { readonly tenant: string; readonly workflow: string },
    texts: ReadonlyMap<string, readonly string[]>,
  ): Promise<ArgumentSources>;
  /** A result was delivered. */
  learn(
    place: { readonly tenant: string; readonly workflow: string },
    call: Pick<CallAdmitted, "tool" | "definition">,
    result: ToolResult,
  ): void;
}

/** Where people and agents find things again. */
export interface Links {
  approval(tenant: string, approval: string): string;
}

/** What was refused before there was a workflow to record it in. */
export interface Refusals {
  exchange(
    tenant: string,
    refusal: { readonly agent: string; readonly code: string; readonly ruleIds: readonly string[] },
  ): Promise<void>;
}

export interface StoredEvent {
  readonly event: WorkflowEvent;
  /** Hash of the chain up to and with this event. */
  readonly hash: string;
}

/** Reading the record. Whoever asks was authorised for the tenant before. */
export interface Evidence {
  /** In order, from `after` (exclusive; -1 for all), at most `limit`. */
  events(
    tenant: string,
    workflow: string,
    after: number,
    limit: number,
  ): Promise<readonly StoredEvent[]>;
  /** All events of one call, in order; empty: unknown, or another tenant's. */
  call(tenant: string, call: string): Promise<readonly StoredEvent[]>;
  /** The last checkpoint of one seat; null: none, or erased. */
  checkpoint(
    tenant: string,
    workflow: string,
    seat: string,
  ): Promise<{ readonly seq: number; readonly value: Json } | null>;
}

export interface System {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  elapsed(): number;
  /** A fresh id: prefix + UUIDv7 without dashes. */
  id(prefix: "wf" | "seat" | "call" | "txn" | "apr" | "lck"): string;
  /** 16 random bytes, hex. An id will not do: others that were drawn beside it tell most of it. */
  salt(): string;
  /** SHA-256, hex, of the UTF-8 text. */
  sha256(text: string): string;
}

export interface Sessions {
  /** Null: unknown, or another tenant's; the two look the same (P7). */
  find(tenant: string, workflow: string): Promise<Session | null>;
  /** Workflows of this human with this agent that have not ended, as of this very turn. */
  live(tenant: string, human: string, agent: string): number;
  /** A session that does not exist yet; its first command must be `open`. */
  create(tenant: string, workflow: string): Session;
}

export interface Session {
  readonly state: WorkflowState;
  /** SHA-256, hex, of the workflow's data key. */
  readonly keyDigest: string;
  /**
   * Reads facts, decides and appends in this very turn; resolves only when durable. Rejects with
   * AuditUnavailable when the commit failed: then nothing of the batch happened.
   */
  submit(command: Command, keep?: Keep): Promise<Committed>;
  /** What this command would meet in this very turn. Nothing comes of it. Throws AuditUnavailable. */
  consider(command: Command): Decision;
  /**
   * True once an event after this number is durable, or the admission of a call is lost. False after
   * `ms`, when too many wait already, and when the host is about to stop.
   */
  moved(seq: number, ms: number): Promise<boolean>;
  /** What was kept with the end of this call; null: nothing, or no longer. */
  kept(call: string, kind: KeptKind): Promise<Json | null>;
  /** Sealed input of the decision that made this event; null: none, or erased. */
  inputAt(seq: number): Promise<Json | null>;
  /** Sealed input of the decision that ended this call without admitting it; null: none, or erased. */
  input(call: string): Promise<Json | null>;
}

/** Values that belong to a decision, sealed in the same commit. Asked for once it is known. */
export type Keep = (result: Result, state: WorkflowState) => Kept;
export type Kept = { readonly [kind in KeptKind]?: Json };
/** `outcome`: as the agent got it. `observation`: arguments and state before and after a change. */
export const KEPT_KINDS = ["outcome", "observation"] as const;
export type KeptKind = (typeof KEPT_KINDS)[number];

export interface Committed {
  readonly result: Result;
  /** The event as stored, with its chain hash; none for a decision that records nothing. */
  readonly event: StoredEvent | null;
  /** State right after this decision. */
  readonly state: WorkflowState;
}

/** The record could not be made durable. */
export class AuditUnavailable extends Error {
  override readonly name = "AuditUnavailable";
}

export interface Locks {
  /** Synchronous; null when the host cannot vouch for them. */
  now(tenant: string): LockTable | null;
}

export interface Bundles {
  /** The active bundle of a tenant; null before the first activation. */
  active(tenant: string): Bundle | null;
}

/** One compiled, immutable bundle: compiled once per digest, never per call. */
export interface Bundle {
  readonly view: BundleView;
  readonly evaluator: Evaluator;
  /** Agents of this bundle, by id. */
  readonly agents: ReadonlyMap<string, { readonly id: string; readonly title: string }>;
  tool(id: string): ToolRuntime | undefined;
}

/** What the gateway does with one tool around the decision. Pure; see src/tools. */
export interface ToolRuntime {
  readonly tool: Tool;
  readonly title: string;
  readonly description: string;
  /** Most that its service may send, past which nothing of it is read. */
  readonly maxAnswerBytes: number;
  readonly inputSchema: JsonObject;
  /** As published: classes stripped, redactable fields nullable. Null: the tool's output is opaque. */
  readonly outputSchema: JsonObject | null;
  /** Schema check and defaults. */
  shape(args: Json): ShapedArguments;
  /** Null: this tool declares none. */
  readonly preview: ToolPreview | null;
  /** The service acts once on one key, so a mutation goes out with one. */
  readonly sendsIdempotencyKey: boolean;
  /** RFC 8785 form of the arguments that name what is acted on. */
  target(args: JsonObject): string;
  /** The texts whose origin policy asks about, by argument. */
  sourceTexts(args: JsonObject): ReadonlyMap<string, readonly string[]>;
  /** Which tool writes the state before back, with which arguments; null: it cannot be undone. */
  undo(
    args: JsonObject,
    observed: { readonly before: Json; readonly after: Json },
  ): { readonly tool: string; readonly arguments: JsonObject } | null;
  /**
   * Exactly what the connector will execute; denied columns are left out where the kind allows. Only
   * a search depends on whose workflow it is.
   */
  request(args: JsonObject, plan: RedactionPlan, tenant: string): Request;
  /** Output check, classification, redaction plan. */
  finish(answer: RawAnswer, plan: RedactionPlan, args: JsonObject): Finished;
}

export type ShapedArguments =
  | {
      readonly ok: true;
      readonly args: JsonObject;
      readonly policyArguments: JsonObject;
      /** See `Shaped` of core. */
      readonly named?: readonly string[];
    }
  | {
      readonly ok: false;
      /** JSON Pointers of what is wrong. */
      readonly at: readonly string[];
      /** What their schema asks for there, by pointer. */
      readonly expected?: { readonly [at: string]: string };
      readonly why?: Fault;
    };

export interface RawAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly encoding: "utf8" | "base64";
  readonly body: string;
  readonly truncated: boolean;
  /** What an `observe` query saw before and after a write, each `{"rows": […]}`. */
  readonly observed?: { readonly before: Json; readonly after: Json };
  /** Over HTTP: of what was read, or of what a change left behind. */
  readonly etag?: string;
}

/** How one mutation is shown before it happens. Pure. */
export interface ToolPreview {
  /** False: the service has no entity tag, so nothing holds what is executed against what was shown. */
  readonly bound: boolean;
  /** HTTP: a read of the resource. SQL: the operation itself, which `mode: preview` rolls back. */
  request(args: JsonObject): Request;
  /** Of a preview's answer, and of an execution that observed its own change. */
  read(answer: RawAnswer, args: JsonObject): Previewed;
  /** The change as somebody may see it who may see these classes. */
  show(previewed: Observation, plan: RedactionPlan): ShownChange;
}

export interface Observation {
  readonly before: Json;
  readonly after: Json;
  readonly change: Change;
  /** Data classes of the values that would change, sorted: who may see them sees all of it. */
  readonly classes: readonly string[];
  /** Of the state that was looked at; of a change that was made, of the state that it left. */
  readonly etag: string | null;
}

export type Previewed =
  | ({ readonly ok: true } & Observation)
  | { readonly ok: false; readonly code: FailureCode; readonly status?: number };

export interface ShownChange {
  readonly change: Change;
  /** Places whose change this reader may not see: they stand there as null. */
  readonly hidden: readonly Redaction[];
}

export type Finished =
  | {
      readonly ok: true;
      readonly result: ToolResult;
      /** Bounded list for the agent; the counts below are complete. */
      readonly redactions: readonly Redaction[];
      readonly counts: readonly RedactionCount[];
      readonly dropped: number;
      readonly undeclared: number;
      /** Null: all of it is there. */
      readonly truncation: Truncation | null;
      readonly bytes: number;
      /** Canary records that were among them, delivered or not. */
      readonly canaries: number;
    }
  | { readonly ok: false; readonly code: FailureCode; readonly status?: number };

export interface CallTokens {
  /** Signs; the claims it adds are iss, aud, iat and exp. Null: no key may sign now. */
  mint(
    tenant: string,
    claims: Omit<CallTokenClaims, "iss" | "aud" | "iat" | "exp">,
    lifeSeconds: number,
  ): string | null;
}

export interface Connectors {
  /** The one that would serve this destination now, or null. Tier is checked here, too. */
  choose(tenant: string, network: string, tier: Tier): Presenter | null;
  /** This connector's session of now, if it takes work; otherwise null. */
  session(tenant: string, connector: string): Presenter | null;
  /** Resolves with an answer in every case: no throw, no hang past `timeoutMs`. */
  send(tenant: string, presenter: Presenter, request: OutboundRequest): Promise<OutboundAnswer>;
}

export interface OutboundRequest {
  /** Names the request, so that a lock can cut it. */
  readonly call: string;
  readonly token: string;
  readonly request: Request;
  readonly cap: number;
  readonly timeoutMs: number;
  /** From then on it is stopped at the connector, whose answer says what came of it. */
  readonly cancelled?: AbortSignal | undefined;
}

export type OutboundAnswer =
  | ({ readonly ok: true } & RawAnswer)
  | {
      readonly ok: false;
      readonly code: FailureCode;
      readonly status?: number;
      readonly effect: "none" | "possible";
      /** Not before then is it worth asking again; absent: nobody knows. */
      readonly retryAfterMs?: number;
    };
