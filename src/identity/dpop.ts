import { hash } from "node:crypto";
import { parseClaims, parseJws, type JwsFault } from "../sdk/jws.ts";
import type { Spending, SpentStore } from "../sdk/spent.ts";
import { digestOf } from "./digest.ts";
import { checkSignature } from "./jws.ts";
import { importPublicKey, thumbprint, type VerifyKey } from "./keys.ts";
import { Lru } from "./lru.ts";
import { readSeconds } from "./times.ts";

export const PROOF_TYPE = "dpop+jwt";
export const PROOF_ALGORITHMS = ["EdDSA", "ES256"] as const;
/** The same for a client to choose from: Ed25519 under both its names (RFC 8037, RFC 9864). */
export const OFFERED_ALGORITHMS = ["EdDSA", "Ed25519", "ES256"] as const;

/** Seconds before and after our clock in which a proof counts. */
export const PROOF_WINDOW_S = 30;

export type ProofFault =
  | JwsFault
  | "proof_missing"
  | "proof_repeated"
  | "key_refused"
  | "claims_invalid"
  | "method_mismatch"
  | "url_mismatch"
  | "stale"
  | "nonce_required"
  | "nonce_mismatch"
  | "token_mismatch"
  | "replayed"
  | "busy";

export type ProofResult =
  | { readonly ok: true; readonly jkt: string }
  | { readonly ok: false; readonly fault: "replayed"; readonly jkt: string }
  | { readonly ok: false; readonly fault: Exclude<ProofFault, "replayed"> };

/** What this process keeps between proofs. */
export interface ProofMemory {
  /** Milliseconds: when this process began to remember proofs. */
  readonly startedAt: number;
  /** Random, made at the start: only a proof of this process's time can name it. */
  readonly nonce: string;
  /** Synchronous. Spent until the window has passed. */
  readonly spent: { spend(id: string, expiresAt: number, now: number): Spending } & SpentStore;
  /** Parsed keys by the digest of their JWK. */
  readonly keys: Lru<{ readonly jkt: string; readonly key: VerifyKey }>;
}

/** Distinct agents' keys that stay parsed; a miss costs 30 µs. */
const MAX_PARSED_KEYS = 4_096;
const MAX_JTI_CHARS = 256;

export function createProofMemory(
  startedAt: number,
  nonce: string,
  spent: ProofMemory["spent"],
): ProofMemory {
  return { startedAt, nonce, spent, keys: new Lru(MAX_PARSED_KEYS) };
}

export interface ExpectedProof {
  readonly method: string;
  /** The external URL of this request: built from configuration, never from the Host header. */
  readonly url: string;
  /** With a credential, the proof must name its digest (`ath`). Null at the token endpoint. */
  readonly accessToken: string | null;
  /** Milliseconds. */
  readonly now: number;
}

/** RFC 9449 §4.3, in its order; the proof is spent last. */
export function verifyProof(
  proof: string,
  expected: ExpectedProof,
  memory: ProofMemory,
): ProofResult {
  const parsed = parseJws(proof, [PROOF_TYPE], "jwk");
  if (!parsed.ok) return parsed;
  const { jws } = parsed;
  if (!(PROOF_ALGORITHMS as readonly string[]).includes(jws.alg)) return no("algorithm_refused");
  const known = proofKey(jws.header["jwk"], memory);
  if (known === null) return no("key_refused");
  const bad = checkSignature(jws, known.key);
  if (bad !== null) return no(bad);
  const claims = parseClaims(jws.payload);
  if (claims === null) return no("payload_malformed");
  const { jti, htm, htu, ath, nonce } = claims;
  const iat = readSeconds(claims["iat"]);
  if (iat === null || typeof jti !== "string" || jti === "" || jti.length > MAX_JTI_CHARS) {
    return no("claims_invalid");
  }
  if (htm !== expected.method) return no("method_mismatch");
  if (typeof htu !== "string" || !isSameTarget(htu, expected.url)) return no("url_mismatch");
  if (expected.accessToken !== null && ath !== accessTokenHash(expected.accessToken)) {
    return no("token_mismatch");
  }
  const { now } = expected;
  if (Math.abs(now / 1_000 - iat) > PROOF_WINDOW_S) return no("stale");
  const fault = judgeNonce(nonce, iat * 1_000, now, memory);
  if (fault !== null) return no(fault);
  const forgetAt = (iat + PROOF_WINDOW_S) * 1_000 + 1;
  const spending = memory.spent.spend(digestOf("proof", known.jkt, jti), forgetAt, now);
  if (spending === "fresh") return { ok: true, jkt: known.jkt };
  return spending === "full" ? no("busy") : { ok: false, fault: "replayed", jkt: known.jkt };
}

/**
 * Which proofs were used is forgotten in a restart. One dated before our start may have been used
 * before it; one dated in the future may have been used before it, too, and be fresh after it. Both
 * must name our nonce, which nobody knew before we started. All others cannot be older than us.
 */
function judgeNonce(
  nonce: unknown,
  madeAt: number,
  now: number,
  memory: ProofMemory,
): "nonce_mismatch" | "nonce_required" | null {
  if (nonce !== undefined) return nonce === memory.nonce ? null : "nonce_mismatch";
  return madeAt > memory.startedAt && madeAt <= now ? null : "nonce_required";
}

function proofKey(
  jwk: unknown,
  memory: ProofMemory,
): { readonly jkt: string; readonly key: VerifyKey } | null {
  const id = digestOf("jwk", JSON.stringify(jwk ?? null));
  const known = memory.keys.get(id);
  if (known !== undefined) return known;
  const imported = importPublicKey(jwk);
  if (!imported.ok || imported.key.alg === "RS256") return null;
  const entry = { jkt: thumbprint(imported.jwk), key: imported.key };
  memory.keys.set(id, entry);
  return entry;
}

/** RFC 9449 §4.3: compared after normalisation, without query and fragment. */
function isSameTarget(htu: string, url: string): boolean {
  // Ours is made of a configured URL and a path: what is spelt like it is the same.
  if (htu === url) return true;
  const claimed = normalised(htu);
  return claimed !== null && claimed === normalised(url);
}

function normalised(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return null;
  return `${url.origin}${url.pathname}`;
}

/** `ath`: base64url SHA-256 of the credential. */
export function accessTokenHash(token: string): string {
  return hash("sha256", token, "base64url");
}

function no(fault: Exclude<ProofFault, "replayed">): ProofResult {
  return { ok: false, fault };
}
