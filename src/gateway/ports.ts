import type { LockTable } from "../core/model/lock.ts";
import type { Command } from "../core/model/command.ts";
import type { BundleView, Tool } from "../core/model/bundle.ts";
import type { Json, JsonObject } from "../core/model/json.ts";
import type { Request } from "../core/model/operation.ts";
import type { FailureCode, Redaction, ToolResult } from "../core/model/outcome.ts";
import type { RedactionCount, WorkflowEvent } from "../core/model/event.ts";
import type { Evaluator, RedactionPlan, Tier } from "../core/model/policy.ts";
import type { CallTokenClaims } from "../core/model/claims.ts";
import type { Presenter } from "../core/model/command.ts";
import type { Result } from "../core/session/decision.ts";
import type { WorkflowState } from "../core/session/state.ts";

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
  /** The last checkpoint; null: none, or erased. */
  checkpoint(
    tenant: string,
    workflow: string,
  ): Promise<{ readonly seq: number; readonly value: Json } | null>;
}

export interface System {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  elapsed(): number;
  /** A fresh id: prefix + UUIDv7 without dashes. */
  id(prefix: "wf" | "seat" | "call" | "txn"): string;
  /** SHA-256, hex, of the UTF-8 text. */
  sha256(text: string): string;
}

export interface Sessions {
  /** Null: unknown, or another tenant's; the two look the same (P7). */
  find(tenant: string, workflow: string): Promise<Session | null>;
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
  submit(command: Command): Promise<Committed>;
}

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
  /** Of the destination: together they say which connectors serve it. */
  readonly network: string;
  readonly tier: Tier;
  readonly inputSchema: JsonObject;
  /** As published: classes stripped, redactable fields nullable. Null: the tool's output is opaque. */
  readonly outputSchema: JsonObject | null;
  /** Schema check and defaults. `at`: JSON Pointers of what is wrong. */
  shape(
    args: Json,
  ):
    | { ok: true; args: JsonObject; policyArguments: JsonObject }
    | { ok: false; at: readonly string[] };
  /** Exactly what the connector will execute; denied columns are left out where the kind allows. */
  request(args: JsonObject, plan: RedactionPlan): Request;
  /** Output check, classification, redaction plan. */
  finish(answer: RawAnswer, plan: RedactionPlan): Finished;
}

export interface RawAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly encoding: "utf8" | "base64";
  readonly body: string;
  readonly truncated: boolean;
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
      readonly truncated: boolean;
      readonly bytes: number;
    }
  | { readonly ok: false; readonly code: FailureCode; readonly status?: number };

export interface CallTokens {
  /** Signs; the claims it adds are iss, aud, iat and exp. */
  mint(
    tenant: string,
    claims: Omit<CallTokenClaims, "iss" | "aud" | "iat" | "exp">,
    lifeSeconds: number,
  ): string;
}

export interface Connectors {
  /** The one that would serve this destination now, or null. Tier is checked here, too. */
  choose(tenant: string, network: string, tier: Tier): Presenter | null;
  /** Resolves with an answer in every case: no throw, no hang past `timeoutMs`. */
  send(tenant: string, presenter: Presenter, request: OutboundRequest): Promise<OutboundAnswer>;
}

export interface OutboundRequest {
  readonly token: string;
  readonly request: Request;
  readonly cap: number;
  readonly timeoutMs: number;
}

export type OutboundAnswer =
  | ({ readonly ok: true } & RawAnswer)
  | {
      readonly ok: false;
      readonly code: FailureCode;
      readonly status?: number;
      readonly effect: "none" | "possible";
    };
