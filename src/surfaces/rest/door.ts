import { ACCESS_HEADER } from "../../identity/access.ts";
import { admitOpen, admitRenew, type ExchangeContext, type Refused } from "../../identity/admit.ts";
import { admitCall, admitDelegate } from "../../identity/admit-seat.ts";
import { challengeFor } from "../../identity/challenge.ts";
import { mintCredential, type Caller } from "../../identity/credential.ts";
import {
  MAX_EXCHANGE_CHARS,
  type CallExchange,
  type DelegateExchange,
  type OpenExchange,
  parseOpenBody,
  parseTokenForm,
  type RenewExchange,
  type TokenExchange,
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
import { authenticateRequest, credentialOf } from "../../identity/request.ts";
import type { SuspicionCode } from "../../identity/suspicion.ts";
import { type ExchangeFault, toOAuthError } from "../../identity/wire.ts";
import { openWorkflow, type OpenResult, renewSeat } from "../../gateway/open.ts";
import { grantSeat, type SeatRequest, type SeatResult } from "../../gateway/seat.ts";
import type { Authentication } from "./app.ts";
import { readText } from "./body.ts";
import { json, type ProblemCode } from "./problem.ts";
import { report, reportElsewhere, type SuspiciousDoor } from "./suspicion.ts";

/** What identity needs of one tenant to know who asks. */
export interface RequestDoor extends SuspiciousDoor {
  readonly place: Place;
  readonly exchange: Pick<ExchangeContext, "credentials" | "proofs">;
}

/** And to open and renew. */
export interface IdentityDoor extends RequestDoor {
  readonly exchange: ExchangeContext;
  /** Null: no key may sign now. */
  credentialKey(): SigningKey | null;
  /** Fresh random id for a credential. */
  newId(): string;
}

export async function authenticate(door: RequestDoor, request: Request): Promise<Authentication> {
  const { credentials, proofs } = door.exchange;
  const url = new URL(request.url);
  const authorization = request.headers.get("authorization");
  const result = authenticateRequest(
    {
      method: request.method,
      // From configuration: a Host header must not choose what a proof is good for.
      url: `${door.place.publicUrl}${url.pathname}`,
      authorization,
      proof: request.headers.get("dpop"),
    },
    credentials,
    proofs,
    door.gateway.system.now(),
  );
  if (result.ok) return { ok: true, caller: result.caller };
  const { fault, suspicion } = result;
  if (suspicion !== undefined) await report(door.gateway, door.place.tenant, suspicion);
  if (fault.of === "credential" && fault.fault === "key_unknown") {
    reportElsewhere(door, credentialOf(authorization ?? "") ?? "");
  }
  const metadataUrl = resourceMetadataUrlOf(door.place);
  const { status, headers } = challengeFor(fault, { metadataUrl, nonce: proofs.nonce });
  return { ok: false, status, headers, suspicion: suspicion?.code ?? null };
}

/** `POST /{tenant}/oauth/token`. */
export async function exchangeToken(door: IdentityDoor, request: Request): Promise<Response> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    return refused(door, { of: "form", fault: "body_malformed" });
  }
  const text = await readText(request, MAX_EXCHANGE_CHARS);
  if (!text.ok) return refused(door, unreadable(text.problem));
  const parsed = parseTokenForm(text.value, resourceOf(door.place), assertedTo(door, request));
  if (!parsed.ok) return refused(door, { of: "form", fault: parsed.fault });
  // Before anybody's sign-in or assertion is used up for something that could not be signed.
  if (door.credentialKey() === null) return notNow();
  const { exchange } = parsed;
  const url = tokenEndpointOf(door.place);
  switch (exchange.kind) {
    case "open":
      return open(door, request, url, exchange, 200);
    case "renew":
      return renew(door, request, url, exchange);
    case "delegate":
      return delegate(door, request, url, exchange);
    case "call":
      return exchangeCall(door, request, url, exchange);
  }
}

/** `POST /{tenant}/v1/workflows`: the same operation, the same checks, as JSON. */
export async function openAsJson(door: IdentityDoor, request: Request): Promise<Response> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return refused(door, { of: "form", fault: "body_malformed" });
  }
  const text = await readText(request, MAX_EXCHANGE_CHARS);
  if (!text.ok) return refused(door, unreadable(text.problem));
  const parsed = parseOpenBody(text.value, assertedTo(door, request));
  if (!parsed.ok) return refused(door, { of: "form", fault: parsed.fault });
  if (door.credentialKey() === null) return notNow();
  return open(door, request, `${issuerOf(door.place)}/v1/workflows`, parsed.exchange, 201);
}

/** Several of them come as one, with commas, which no assertion has. */
function assertedTo({ exchange }: IdentityDoor, { headers }: Request): string | null {
  return exchange.access === null ? null : headers.get(ACCESS_HEADER);
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
  if (!admitted.ok) return turnedAway(door, exchange, admitted);
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
  if (!admitted.ok) return turnedAway(door, exchange, admitted);
  const { caller } = admitted;
  const renewed = await renewSeat(door.gateway, caller);
  switch (renewed.kind) {
    case "renewed":
      return granted(door, caller, renewed.tools, renewed.expiresAt, 200);
    case "unavailable":
      return notNow();
    case "refused":
      return oauthError(400, "invalid_grant", "The workflow or the seat has ended, or is locked.");
  }
}

/** An agent of the workflow gives another one a seat in it. */
async function delegate(
  door: IdentityDoor,
  request: Request,
  url: string,
  exchange: DelegateExchange,
): Promise<Response> {
  const now = door.gateway.system.now();
  const proof = request.headers.get("dpop");
  const http = { method: "POST", url, proof };
  const admitted = await admitDelegate(exchange, http, door.exchange, now);
  if (!admitted.ok) return turnedAway(door, exchange, admitted);
  const { giver, taker } = admitted;
  const { workflow, seat, agent, jkt } = giver;
  return seated(door, { workflow, from: { seat, agent, jkt }, ...taker, ...exchange.ask });
}

/** A tool that is itself an agent takes a seat for the call it was sent. */
async function exchangeCall(
  door: IdentityDoor,
  request: Request,
  url: string,
  exchange: CallExchange,
): Promise<Response> {
  const now = door.gateway.system.now();
  const proof = request.headers.get("dpop");
  const admitted = await admitCall(exchange, { method: "POST", url, proof }, door.exchange, now);
  if (!admitted.ok) return turnedAway(door, exchange, admitted);
  const { workflow, call, taker } = admitted;
  return seated(door, { workflow, from: { call }, ...taker, ...exchange.ask });
}

async function seated(door: IdentityDoor, asked: Omit<SeatRequest, "tenant">): Promise<Response> {
  const { tenant } = door.place;
  const result = await grantSeat(door.gateway, { tenant, ...asked });
  if (result.kind === "unknown") {
    return oauthError(400, "invalid_grant", "The workflow, the seat or the call has ended.");
  }
  if (result.kind !== "granted") return notOpened(result);
  const { workflow, agent, jkt } = asked;
  const { seat, human, tools, expiresAt } = result;
  const caller: Caller = { tenant, workflow, seat, agent, human, jkt };
  return granted(door, caller, tools, expiresAt, 200);
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
  const key = door.credentialKey();
  if (key === null) return notNow();
  const minted = mintCredential(grant, door.exchange.credentials, key);
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
function notOpened(
  result: Extract<OpenResult | SeatResult, { kind: "denied" | "unavailable" }>,
): Response {
  if (result.kind === "unavailable") {
    return oauthError(503, "temporarily_unavailable", result.message);
  }
  const { reason } = result;
  const outcome = { outcome: "policy_denied", call: null, reason };
  return json({ error: "access_denied", error_description: reason.message, outcome }, 400);
}

/** What was suspicious about it is raised first, and named to whoever could make it so. */
async function turnedAway(
  door: IdentityDoor,
  { subjectToken }: TokenExchange,
  { fault, suspicion }: Refused,
): Promise<Response> {
  if (suspicion !== undefined) await report(door.gateway, door.place.tenant, suspicion);
  if (fault.of === "seat" && fault.fault === "key_unknown") reportElsewhere(door, subjectToken);
  return refused(door, fault, suspicion?.code);
}

function refused(door: IdentityDoor, fault: ExchangeFault, code?: SuspicionCode): Response {
  const { status, error, error_description } = toOAuthError(fault);
  const headers: Record<string, string> =
    error === "use_dpop_nonce" ? { "dpop-nonce": door.exchange.proofs.nonce } : {};
  return oauthError(status, error, error_description, headers, code);
}

function notNow(): Response {
  return oauthError(503, "temporarily_unavailable", "Not available now; try again after a moment.");
}

function oauthError(
  status: number,
  error: string,
  error_description: string,
  headers: Record<string, string> = {},
  code?: SuspicionCode,
): Response {
  const answer = json({ error, error_description, ...(code && { code }) }, status);
  for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
  return answer;
}
