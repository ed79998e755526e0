import type { FailureCode } from "../core/model/outcome.ts";
import type { Json } from "../core/model/json.ts";
import type { Operation, PreviewSeal } from "../core/model/operation.ts";
import type { Ed25519Jwk } from "./keys.ts";
import type { Voucher } from "./vouch.ts";

/**
 * What gateway and connector say to each other: JSON text frames over one WebSocket. One request,
 * one answer, cut, beat. docs/protocol/tunnel.md is the document; its capability log dates changes.
 *
 *   connector                         gateway
 *   hello  ───────────────────────────►
 *          ◄─────────────────────────── challenge   (proves the gateway's key)
 *   proof  ───────────────────────────►             (proves the connector's key)
 *          ◄─────────────────────────── welcome     (the session begins)
 *          ◄── keys ── beat ── request ── cut ── seen
 *   beat · answer · seen · drain ─────►
 */
export const TUNNEL_VERSION = 1;

/** Between two beats, either way. */
export const BEAT_MS = 1_000;
/** Without a beat for this long a session is over (design section 9): its lease ends. */
export const LEASE_MS = 5_000;
/** Two missed beats, with some time on the way: long before the lease ends. */
export const SILENT_MS = 2 * BEAT_MS + 500;
/** A handshake that takes longer is cut: a silent peer must not hold a socket. */
export const HANDSHAKE_MS = 5_000;
/** How long the first of two sessions with one key has to show that it is alive. */
export const CHALLENGE_MS = 2_000;
/** Largest answer body; a tool's own cap may only be lower. */
export const MAX_BODY_BYTES = 8 * 1_024 * 1_024;
/** Texts of one SQL operation that become vectors: a search looks for one, a comparison for a few. */
export const MAX_EMBEDDED = 4;
/** Characters of each: longer ones are documents, and belong into the index. */
export const MAX_EMBEDDED_CHARS = 8 * 1_024;
/** Largest observed state, as JSON, before or after a change: both go along with an answer's body. */
export const MAX_OBSERVED_BYTES = 256 * 1_024;
/** Largest frame either side accepts: the largest body, base64, and room for the rest. */
export const MAX_FRAME_BYTES = 12 * 1_024 * 1_024;
/**
 * Largest frame of a connector that answers no request: `rotate` is the longest, and a transport counts
 * what came with it in one read.
 */
export const MAX_UNASKED_BYTES = 128 * 1_024;
/** Before a peer has proved anything it may not make us parse more than a handshake needs. */
export const MAX_HANDSHAKE_FRAME_BYTES = 4 * 1_024;
/** Requests of one session without an answer: bounds memory at both ends. */
export const MAX_IN_FLIGHT = 512;
/** Bytes written and not yet taken by the network: past it the peer is too slow for new work. */
export const MAX_BUFFERED_BYTES = 64 * 1_024 * 1_024;
/** Keys of the gateway that are believed at the same time. */
export const MAX_GATEWAY_KEYS = 16;
/** Longest that an agent is told to wait. */
export const MAX_RETRY_AFTER_MS = 60_000;
/** Longest time one request may take. */
export const MAX_TIMEOUT_MS = 600_000;

/** WebSocket close codes; the private range, so that no library sends one by itself. */
export const CLOSE = {
  /** Either side goes away on purpose. */
  goingAway: 1001,
  /** A frame that is not of this protocol, or not at this moment. */
  malformed: 4400,
  /** Unknown, revoked, wrong key: all look the same from outside. */
  unauthorized: 4401,
  /** Handshake too slow, or five seconds without a beat. */
  timeout: 4408,
  /** Another session of this connector is alive. */
  duplicate: 4409,
  /** This session was silent when another one of the same connector asked. */
  replaced: 4410,
  version: 4426,
} as const;
export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

export type ToGateway =
  | Hello
  | Proof
  | AnswerFrame
  | ConnectorBeat
  | SeenAnswer
  | TokenSignal
  | NewKey
  | Drain;
export type ToConnector =
  | Challenge
  | Welcome
  | GatewayKeys
  | RequestFrame
  | Cut
  | GatewayBeat
  | SeenQuestion
  | Rotate
  | Rotated
  | Drain;

export interface Hello {
  readonly t: "hello";
  readonly v: number;
  readonly tenant: string;
  readonly connector: string;
  /** 32 random bytes, hex. */
  readonly nonce: string;
}

export interface Challenge {
  readonly t: "challenge";
  readonly v: number;
  /** Nonce of the session to come, 16 random bytes, hex; what `req_wl` names. */
  readonly session: string;
  /** Key id of the gateway's call-token key that signs below. */
  readonly kid: string;
  /** Ed25519, base64url, by the gateway's call-token key over `handshakeText("gateway", …)`. */
  readonly signature: string;
  /** Oldest first: how a connector that was away finds to `kid` from a key that it knows. */
  readonly chain: readonly Voucher[];
}

export interface Proof {
  readonly t: "proof";
  /** Ed25519, base64url, by the connector's key over `handshakeText("connector", …)`. */
  readonly signature: string;
}

export interface Welcome {
  readonly t: "welcome";
  readonly now: number;
  readonly epoch: number;
}

/**
 * All keys that the gateway signs with, will, or did just now. Whatever is not among them is not
 * believed any more. Said when a session begins, and whenever it changes.
 */
export interface GatewayKeys {
  readonly t: "keys";
  /** None: nothing the gateway signed is to be believed until it says more. */
  readonly keys: readonly Ed25519Jwk[];
}

export interface RequestFrame {
  readonly t: "request";
  /** Names this exchange on this socket; the call is named by the token. */
  readonly id: string;
  readonly token: string;
  readonly operation: Operation;
  readonly body: string | null;
  readonly contentType: string | null;
  /** For a service that acts once on one key; null: none is sent. */
  readonly idempotencyKey: string | null;
  /** What was approved; its digest must be `tctx.preview`. Null: nothing had to be. */
  readonly preview: PreviewSeal | null;
  /** Largest answer body, bytes. */
  readonly cap: number;
  /** Milliseconds left, counted from when this frame arrives. */
  readonly timeoutMs: number;
}

export interface AnswerFrame {
  readonly t: "answer";
  readonly id: string;
  readonly answer: ConnectorAnswer;
}

export type ConnectorAnswer =
  | {
      readonly ok: true;
      /** HTTP status, or 200 for SQL. */
      readonly status: number;
      readonly contentType: string;
      readonly encoding: "utf8" | "base64";
      readonly body: string;
      /** Rows or bytes were left out because of a cap the operation names. */
      readonly truncated: boolean;
      /** What the operation's `observe` query saw, each `{"rows": […]}`. */
      readonly observed?: { readonly before: Json; readonly after: Json };
      /**
       * Strong entity tag of what a read over HTTP gave, or of what a change left behind (RFC 9110
       * §8.8.3): a weak one is no use to `If-Match`.
       */
      readonly etag?: string;
    }
  | {
      readonly ok: false;
      readonly code: FailureCode;
      readonly status?: number;
      /** `none`: the connector knows that nothing happened. `possible`: it does not. */
      readonly effect: "none" | "possible";
      /** Not before then is it worth asking again; absent: nobody knows. */
      readonly retryAfterMs?: number;
    };

/** Stop this request now; its answer is no longer wanted. */
export interface Cut {
  readonly t: "cut";
  readonly id: string;
}

/** Time is the gateway's: the connector learns it here and judges call tokens by it. */
export interface GatewayBeat {
  readonly t: "beat";
  readonly now: number;
  readonly epoch: number;
}

export interface ConnectorBeat {
  readonly t: "beat";
}

/** After a restart: what does your journal know of this call? */
export interface SeenQuestion {
  readonly t: "seen";
  readonly id: string;
  readonly call: string;
}

export interface SeenAnswer {
  readonly t: "seen";
  readonly id: string;
  /** `unknown`: older than what the journal still holds, so `never` would be a guess. */
  readonly state: SeenState;
}

/**
 * `committed`, `aborted`: whether it took effect, from the database's or the service's own mouth.
 * `done`: over, which proves nothing more. `started`: nobody can tell yet.
 */
export const SEEN_STATES = ["never", "started", "committed", "aborted", "done", "unknown"] as const;
export type SeenState = (typeof SEEN_STATES)[number];

/**
 * RFC 9110 §8.8.3, strong, visible ASCII. `If-Match` compares strongly (§13.1.1): a weak tag would
 * never match, and `*` would always.
 */
export const STRONG_ETAG = /^"[\x21\x23-\x7e]{0,254}"$/;
/** It becomes a header as it is: no space, no control character, nothing that begins another one. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,128}$/;

/** What a connector can see of a call token that the gateway did sign. */
export const CONNECTOR_SIGNALS = ["token_replayed", "context_mismatch"] as const;
export type ConnectorSignal = (typeof CONNECTOR_SIGNALS)[number];

/**
 * Said before the request itself is answered, and also where nobody waits for that answer: a copy of a
 * frame has an id that the gateway never gave.
 */
export interface TokenSignal {
  readonly t: "signal";
  readonly signal: ConnectorSignal;
  /** As the token says it: its signature was good. */
  readonly call: string;
}

/** Have another key of your own; say which. */
export interface Rotate {
  readonly t: "rotate";
  readonly id: string;
}

/** The one that comes next, and the proof that it is held: by it, over `rotationText`. */
export interface NewKey {
  readonly t: "rotate";
  readonly id: string;
  readonly key: Ed25519Jwk;
  readonly signature: string;
}

/** On record: no other key of this connector is good from now on. */
export interface Rotated {
  readonly t: "rotated";
  readonly id: string;
}

/**
 * A connector: about to stop, so no new requests; it finishes those it has. The gateway: somebody wants
 * this one to do that.
 */
export interface Drain {
  readonly t: "drain";
}

/** What both ends sign: role first, so that one side's signature is never good for the other's. */
export function handshakeText(
  role: "gateway" | "connector",
  of: { tenant: string; connector: string; nonce: string; session: string },
): string {
  return [
    "postern-tunnel",
    TUNNEL_VERSION,
    role,
    of.tenant,
    of.connector,
    of.nonce,
    of.session,
  ].join("\n");
}

/** What a connector's next key signs, in the session that the last one proved. */
export function rotationText(of: { tenant: string; connector: string; session: string }): string {
  return ["postern-rotate", TUNNEL_VERSION, of.tenant, of.connector, of.session].join("\n");
}
