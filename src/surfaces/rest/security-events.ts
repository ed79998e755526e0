import type { IdpKeys } from "../../identity/idp-keys.ts";
import { humanPseudonym } from "../../identity/oidc.ts";
import {
  type RevokingEvent,
  securityEventKid,
  type SecurityEventFault,
  type Transmitter,
  verifySecurityEvent,
} from "../../identity/security-event.ts";
import { MAX_TOKEN_CHARS } from "../../sdk/jws.ts";
import { readText } from "./body.ts";
import { problem } from "./problem.ts";

export interface SecurityEventsDoor {
  readonly transmitter: Transmitter;
  readonly keys: IdpKeys;
  /** Who names this tenant's humans. */
  readonly idpIssuer: string;
  readonly pseudonymKey: Uint8Array;
  now(): number;
  /** True: what it revokes is revoked, and neither that nor its receipt can be lost any more. */
  receive(event: ReceivedEvent): Promise<boolean>;
}

export interface ReceivedEvent {
  readonly id: string;
  readonly forgetAt: number;
  /** Null: it revokes nothing. */
  readonly revokes: { readonly type: RevokingEvent; readonly human: string } | null;
}

/** RFC 8935 §2.4. */
export const SECURITY_EVENT_ERRORS = [
  "invalid_request",
  "invalid_key",
  "invalid_issuer",
  "invalid_audience",
  "authentication_failed",
] as const;
type ErrorCode = (typeof SECURITY_EVENT_ERRORS)[number];

/**
 * `POST /{tenant}/v1/events`: one Security Event Token by push (RFC 8935). Who is known here shows
 * in no answer. Null: this tenant receives none.
 */
export async function receiveSecurityEvent(
  door: SecurityEventsDoor | null,
  request: Request,
): Promise<Response> {
  if (door === null) return problem("not_found");
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/secevent\+jwt\s*(;|$)/i.test(type)) {
    return refused("invalid_request", "Content-Type is application/secevent+jwt.");
  }
  const text = await readText(request, MAX_TOKEN_CHARS);
  if (!text.ok) {
    return refused(...FAULTS[text.problem === "body_too_large" ? "too_large" : "malformed"]);
  }
  const now = door.now();
  const named = securityEventKid(text.value);
  if (!named.ok) return refused(...FAULTS[named.fault]);
  const ring = await door.keys.ringFor(named.kid, now);
  if (ring === null) return problem("unavailable");
  const { transmitter, idpIssuer } = door;
  const verified = verifySecurityEvent(text.value, transmitter, idpIssuer, ring, now);
  if (!verified.ok) return refused(...FAULTS[verified.fault]);
  const { id, forgetAt, revokes } = verified.event;
  const received = await door.receive({
    id,
    forgetAt,
    revokes: revokes && {
      type: revokes.type,
      human: humanPseudonym(door.pseudonymKey, revokes.subject.issuer, revokes.subject.subject),
    },
  });
  return received ? new Response(null, { status: 202 }) : problem("unavailable");
}

function refused(err: ErrorCode, description: string): Response {
  return new Response(JSON.stringify({ err, description }), {
    status: 400,
    headers: {
      "content-type": "application/json",
      "content-language": "en",
      "cache-control": "no-store",
    },
  });
}

/** Fixed sentences: nothing of a token ever stands in an answer. */
const FAULTS: { readonly [fault in SecurityEventFault]: readonly [ErrorCode, string] } = {
  too_large: ["invalid_request", "The token is too large."],
  malformed: ["invalid_request", "The body is not one strict compact JWS."],
  header_refused: ["invalid_request", "The header holds a member we refuse."],
  type_refused: ["invalid_request", "The token is not of type secevent+jwt."],
  algorithm_refused: ["invalid_key", "The algorithm is not accepted."],
  key_unknown: ["invalid_key", "The transmitter publishes no such key."],
  signature_invalid: ["authentication_failed", "The signature does not verify."],
  payload_malformed: ["invalid_request", "The claims are not strict JSON."],
  issuer_mismatch: ["invalid_issuer", "The token is of another issuer."],
  audience_mismatch: ["invalid_audience", "The token is for another audience."],
  claims_invalid: [
    "invalid_request",
    "A claim is missing, has a wrong form, or has no place here.",
  ],
  not_yet_valid: ["invalid_request", "The token is dated in the future."],
  too_old: ["invalid_request", "The token is too old."],
  subject_unmapped: [
    "invalid_request",
    "The subject is not the issuer and subject of a human of this tenant's identity provider.",
  ],
  subjects_differ: ["invalid_request", "The token is about more than one subject."],
};
