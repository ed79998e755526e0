import { admitOpen, admitRenew, type ExchangeContext } from "../../identity/admit.ts";
import { challengeFor } from "../../identity/challenge.ts";
import { mintCredential, type Caller } from "../../identity/credential.ts";
import {
  MAX_EXCHANGE_CHARS,
  type OpenExchange,
  parseOpenBody,
  parseTokenForm,
  type RenewExchange,
} from "../../identity/exchange.ts";
import type { SigningKey } from "../../identity/keys.ts";
import {
  issuerOf,
  type Place,
  resourceMetadataUrlOf,
  resourceOf,
  tokenEndpointOf,
} from "../../identity/metadata.ts";
import { TOKEN_TYPE_ACCESS, WORKFLOW_DETAIL } from "../../identity/oauth-names.ts";
import { authenticateRequest } from "../../identity/request.ts";
import { type ExchangeFault, toOAuthError } from "../../identity/wire.ts";
import { openWorkflow, type OpenResult, renewSeat } from "../../gateway/open.ts";
import type { Gateway } from "../../gateway/ports.ts";
import type { Authentication } from "./app.ts";
import { readText } from "./body.ts";
import { json, type ProblemCode } from "./problem.ts";

/** What identity needs of one tenant to open, renew and authenticate. */
export interface IdentityDoor {
  readonly gateway: Gateway;
  readonly place: Place;
  readonly exchange: ExchangeContext;
  readonly credentialKey: SigningKey;
  /** Fresh random id for a credential. */
  newId(): string;
}

export function authenticate(door: IdentityDoor, request: Request): Authentication {
  const { credentials, proofs } = door.exchange;
  const url = new URL(request.url);
  const result = authenticateRequest(
    {
      method: request.method,
      // From configuration: a Host header must not choose what a proof is good for.
      url: `${door.place.publicUrl}${url.pathname}`,
      authorization: request.headers.get("authorization"),
      proof: request.headers.get("dpop"),
    },
    credentials,
    proofs,
    door.gateway.system.now(),
  );
  if (result.ok) return { ok: true, caller: result.caller };
  const metadataUrl = resourceMetadataUrlOf(door.place);
  const { status, headers } = challengeFor(result.fault, { metadataUrl, nonce: proofs.nonce });
  return { ok: false, status, headers };
}

/** `POST /{tenant}/oauth/token`. */
export async function exchangeToken(door: IdentityDoor, request: Request): Promise<Response> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    return refused(door, { of: "form", fault: "body_malformed" });
  }
  const text = await readText(request, MAX_EXCHANGE_CHARS);
  if (!text.ok) return refused(door, unreadable(text.problem));
  const parsed = parseTokenForm(text.value, resourceOf(door.place));
  if (!parsed.ok) return refused(door, { of: "form", fault: parsed.fault });
  const { exchange } = parsed;
  const url = tokenEndpointOf(door.place);
  return exchange.kind === "open"
    ? open(door, request, url, exchange, 200)
    : renew(door, request, url, exchange);
}

/** `POST /{tenant}/v1/workflows`: the same operation, the same checks, as JSON. */
export async function openAsJson(door: IdentityDoor, request: Request): Promise<Response> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return refused(door, { of: "form", fault: "body_malformed" });
  }
  const text = await readText(request, MAX_EXCHANGE_CHARS);
  if (!text.ok) return refused(door, unreadable(text.problem));
  const parsed = parseOpenBody(text.value);
  if (!parsed.ok) return refused(door, { of: "form", fault: parsed.fault });
  return open(door, request, `${issuerOf(door.place)}/v1/workflows`, parsed.exchange, 201);
}

function unreadable(problem: ProblemCode): ExchangeFault {
  return { of: "form", fault: problem === "body_too_large" ? "body_too_large" : "body_malformed" };
}

async function open(
  door: IdentityDoor,
  request: Request,
  url: string,
  exchange: OpenExchange,
  status: 200 | 201,
): Promise<Response> {
  const now = door.gateway.system.now();
  const proof = request.headers.get("dpop");
  const admitted = await admitOpen(exchange, { method: "POST", url, proof }, door.exchange, now);
  if (!admitted.ok) return refused(door, admitted.fault);
  const { opener } = admitted;
  const { tenant } = door.place;
  const opened = await openWorkflow(door.gateway, { tenant, ...opener, ...exchange.ask });
  if (opened.kind !== "opened") return notOpened(opened);
  const { workflow, seat, tools, expiresAt } = opened;
  const { human, agent, jkt } = opener;
  const caller: Caller = { tenant, workflow, seat, agent, human, jkt };
  return granted(door, caller, tools, expiresAt, status);
}

async function renew(
  door: IdentityDoor,
  request: Request,
  url: string,
  exchange: RenewExchange,
): Promise<Response> {
  const now = door.gateway.system.now();
  const proof = request.headers.get("dpop");
  const admitted = await admitRenew(exchange, { method: "POST", url, proof }, door.exchange, now);
  if (!admitted.ok) return refused(door, admitted.fault);
  const { caller } = admitted;
  const renewed = await renewSeat(door.gateway, caller);
  switch (renewed.kind) {
    case "renewed":
      return granted(door, caller, renewed.tools, renewed.expiresAt, 200);
    case "unavailable":
      return oauthError(503, "temporarily_unavailable", "The record could not be made durable.");
    case "refused":
      return oauthError(400, "invalid_grant", "The workflow or the seat has ended, or is locked.");
  }
}

function granted(
  door: IdentityDoor,
  caller: Caller,
  tools: readonly string[],
  expiresAt: number,
  status: 200 | 201,
): Response {
  const now = door.gateway.system.now();
  const grant = { ...caller, jti: door.newId(), now, seatExpiresAt: expiresAt };
  const minted = mintCredential(grant, door.exchange.credentials, door.credentialKey);
  if (minted === null) return oauthError(400, "invalid_grant", "The workflow has ended.");
  const { workflow, seat } = caller;
  const detail = {
    type: WORKFLOW_DETAIL,
    workflow,
    seat,
    tools,
    expiresAt: new Date(expiresAt).toISOString(),
  };
  const answer = {
    access_token: minted.token,
    issued_token_type: TOKEN_TYPE_ACCESS,
    token_type: "DPoP",
    expires_in: minted.expiresIn,
    authorization_details: [detail],
  };
  return json(answer, status);
}

/** Outside trust: an OAuth error that carries the outcome, so that an agent can read why. */
function notOpened(result: Exclude<OpenResult, { kind: "opened" }>): Response {
  if (result.kind === "unavailable") {
    return oauthError(503, "temporarily_unavailable", result.message);
  }
  const { reason } = result;
  const outcome = { outcome: "policy_denied", call: null, reason };
  return json({ error: "access_denied", error_description: reason.message, outcome }, 400);
}

function refused(door: IdentityDoor, fault: ExchangeFault): Response {
  const { status, error, error_description } = toOAuthError(fault);
  const headers: Record<string, string> =
    error === "use_dpop_nonce" ? { "dpop-nonce": door.exchange.proofs.nonce } : {};
  return oauthError(status, error, error_description, headers);
}

function oauthError(
  status: number,
  error: string,
  error_description: string,
  headers: Record<string, string> = {},
): Response {
  const answer = json({ error, error_description }, status);
  for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
  return answer;
}
