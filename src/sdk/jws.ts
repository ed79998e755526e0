import { isObject, parseStrict, type JsonObject } from "../core/model/json.ts";
import { decodeBase64url } from "./base64url.ts";

/**
 * The strict half of a JWS verification that needs no key: compact form, one spelling, a header we
 * understand. Both ends share it: the gateway (identity/jws.ts) and whoever verifies a call token.
 */

/** Characters. Our largest token is about 1 KB; more only feeds the decoder and the parser. */
export const MAX_TOKEN_CHARS = 16 * 1_024;

export const JWS_FAULTS = [
  "too_large",
  "malformed",
  "header_refused",
  "type_refused",
  "algorithm_refused",
  "key_unknown",
  "signature_invalid",
  "payload_malformed",
] as const;
export type JwsFault = (typeof JWS_FAULTS)[number];

/**
 * Members that let a sender choose the key (`jwk` … `x5c`) or change what is signed (`b64`, `zip`)
 * or demand what we do not do (`crit`). DPoP proofs carry `jwk` by design and allow it by name.
 */
const REFUSED_MEMBERS = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"] as const;
export type RefusedMember = (typeof REFUSED_MEMBERS)[number];

export interface ParsedJws {
  readonly header: JsonObject;
  /** `EdDSA` also where the token says `Ed25519`. */
  readonly alg: string;
  readonly typ: string | null;
  readonly kid: string | null;
  /** `header.payload` as it stood in the token: what the signature covers. */
  readonly signingInput: string;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

export type ParsedJwsResult =
  | { readonly ok: true; readonly jws: ParsedJws }
  | { readonly ok: false; readonly fault: JwsFault };

/** `types`: the allowed values of `typ`; null stands for a header without one. */
export function parseJws(
  token: string,
  types: readonly (string | null)[],
  allowed: RefusedMember | null = null,
): ParsedJwsResult {
  if (token.length > MAX_TOKEN_CHARS) return refuse("too_large");
  const parts = token.split(".", 4);
  const [head, body, tail] = parts;
  if (parts.length !== 3 || head === undefined || body === undefined || tail === undefined) {
    return refuse("malformed");
  }
  const header = decodeObject(head);
  const payload = decodeBase64url(body);
  const signature = decodeBase64url(tail);
  if (header === null || payload === null || signature === null || signature.length === 0) {
    return refuse("malformed");
  }
  for (const member of REFUSED_MEMBERS) {
    if (member !== allowed && Object.hasOwn(header, member)) return refuse("header_refused");
  }
  const { typ = null, kid = null } = header;
  const alg = canonicalAlgorithm(header["alg"]);
  if (alg === null) return refuse("algorithm_refused");
  if (kid !== null && (typeof kid !== "string" || kid === "")) return refuse("header_refused");
  if ((typ !== null && typeof typ !== "string") || !types.includes(typ)) {
    return refuse("type_refused");
  }
  const signingInput = token.slice(0, head.length + 1 + body.length);
  return { ok: true, jws: { header, alg, typ, kid, signingInput, payload, signature } };
}

/**
 * RFC 9864 names the algorithm after the curve. For the only curve we take the two names mean the
 * same, and the key decides all the same.
 */
export function canonicalAlgorithm(alg: unknown): string | null {
  return alg === "Ed25519" ? "EdDSA" : typeof alg === "string" ? alg : null;
}

/** Null: not UTF-8, not JSON, a duplicate or forbidden key, or not an object. */
export function parseClaims(payload: Uint8Array): JsonObject | null {
  let text: string;
  try {
    text = UTF8.decode(payload);
  } catch {
    return null;
  }
  const parsed = parseStrict(text);
  return parsed.ok && isObject(parsed.value) ? parsed.value : null;
}

/** Replacement characters would make two byte strings one; a kept BOM is no JSON. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeObject(part: string): JsonObject | null {
  const bytes = decodeBase64url(part);
  return bytes === null ? null : parseClaims(bytes);
}

function refuse(fault: JwsFault): ParsedJwsResult {
  return { ok: false, fault };
}
