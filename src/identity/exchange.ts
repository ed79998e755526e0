import { z } from "zod";
import type { Limits } from "../core/model/bundle.ts";
import { isObject, parseStrict, type JsonObject } from "../core/model/json.ts";
import {
  CLIENT_ASSERTION_JWT,
  GRANT_TOKEN_EXCHANGE,
  SEAT_DETAIL,
  TOKEN_TYPE_ACCESS,
  TOKEN_TYPE_ID,
  TOKEN_TYPE_JWT,
  TOKEN_TYPE_TXN,
  WORKFLOW_DETAIL,
} from "./oauth-names.ts";

/** What a client may ask when it opens a workflow; every member shrinks what trust gives. */
export interface WorkflowAsk {
  readonly purpose: string;
  readonly tools?: readonly string[];
  readonly limits?: Partial<Limits>;
  readonly lifeMs?: number;
  /** Entered by the human at the start. */
  readonly inputs: JsonObject;
}

export interface OpenExchange {
  readonly kind: "open";
  /** What says who the human is. */
  readonly subjectToken: string;
  /** Who says it: the tenant's identity provider, or Access in front of this gateway. */
  readonly signedInBy: "idp" | "access";
  readonly clientAssertion: string;
  readonly ask: WorkflowAsk;
}

/** What is asked for a seat; every member shrinks what its giver and trust give. */
export type SeatAsk = Pick<WorkflowAsk, "tools" | "limits" | "lifeMs">;

/** An agent gives another one a seat: both sign. */
export interface DelegateExchange {
  readonly kind: "delegate";
  /** The giver's credential. */
  readonly subjectToken: string;
  /** The giver's. */
  readonly clientAssertion: string;
  /** By whom, and bound to which key, the seat is taken. */
  readonly actorToken: string;
  readonly ask: SeatAsk;
}

/** A tool that is itself an agent takes a seat for the call it was sent. */
export interface CallExchange {
  readonly kind: "call";
  /** The call token. */
  readonly subjectToken: string;
  /** The tool's, as the agent it is. */
  readonly clientAssertion: string;
  readonly ask: SeatAsk;
}

export type TokenExchange = OpenExchange | RenewExchange | DelegateExchange | CallExchange;

export interface RenewExchange {
  readonly kind: "renew";
  /** The seat's current credential. */
  readonly subjectToken: string;
  readonly clientAssertion: string;
}

export type FormFault =
  | "body_too_large"
  | "body_malformed"
  | "parameter_repeated"
  | "parameter_missing"
  /** Two humans at once: one part of a system may check the first and another obey the second. */
  | "human_repeated"
  | "grant_type_unsupported"
  | "token_type_unsupported"
  | "client_assertion_type_unsupported"
  | "resource_mismatch"
  | "details_malformed"
  | "details_invalid";

export type ExchangeResult<T> =
  | { readonly ok: true; readonly exchange: T }
  | { readonly ok: false; readonly fault: FormFault };

/** Characters: two tokens of at most 16 KiB, and details with the inputs of a human. */
export const MAX_EXCHANGE_CHARS = 128 * 1_024;
const MAX_PARAMETERS = 32;
const MAX_TOOLS = 256;
const TOOL_ID = /^[a-z][a-z0-9_]{0,63}$/;

/** A number past 2^53 would compare differently here and in a policy. */
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const workflowAskSchema = z.strictObject({
  purpose: z.string().min(1).max(128),
  tools: z.array(z.string().min(1).max(64)).min(1).max(MAX_TOOLS).optional(),
  limits: z
    .strictObject({
      calls: count.optional(),
      cost: count.optional(),
      runtimeMs: count.optional(),
      tokens: count.optional(),
      tools: z
        .record(z.string().regex(TOOL_ID), count)
        .refine((caps) => Object.keys(caps).length <= MAX_TOOLS)
        .optional(),
    })
    .optional(),
  lifeMs: count.min(1).optional(),
  inputs: z.record(z.string(), z.json()).optional(),
});

const seatAskSchema = workflowAskSchema.pick({ tools: true, limits: true, lifeMs: true });
const seatDetailSchema = z.tuple([
  z.strictObject({ type: z.literal(SEAT_DETAIL), ...seatAskSchema.shape }),
]);

const detailSchema = z.tuple([
  z.strictObject({ type: z.literal(WORKFLOW_DETAIL), ...workflowAskSchema.shape }),
]);

export const openBodySchema = z.strictObject({
  subject_token: z.string().min(1),
  client_assertion: z.string().min(1),
  ...workflowAskSchema.shape,
});
/** Who asks stands in the header that Access writes. */
const assertedBodySchema = openBodySchema.omit({ subject_token: true });

/**
 * `POST /{tenant}/oauth/token`, RFC 8693. `resource` is the only target we issue for. `asserted`: what Access
 * says of whoever asks, where this tenant takes its word.
 */
export function parseTokenForm(
  body: string,
  resource: string,
  asserted: string | null,
): ExchangeResult<TokenExchange> {
  if (body.length > MAX_EXCHANGE_CHARS) return no("body_too_large");
  const form = readForm(body);
  if (typeof form === "string") return no(form);
  const grantType = form.get("grant_type");
  if (grantType === undefined) return no("parameter_missing");
  if (grantType !== GRANT_TOKEN_EXCHANGE) return no("grant_type_unsupported");
  const subjectType = form.get("subject_token_type");
  const isAsserted = asserted !== null && !form.has("subject_token") && subjectType === undefined;
  const subjectToken = isAsserted ? asserted : form.get("subject_token");
  const clientAssertion = form.get("client_assertion");
  const assertionType = form.get("client_assertion_type");
  if (!subjectToken || !clientAssertion || !assertionType) return no("parameter_missing");
  if (assertionType !== CLIENT_ASSERTION_JWT) return no("client_assertion_type_unsupported");
  const target = form.get("resource");
  if (target === undefined) return no("parameter_missing");
  if (target !== resource) return no("resource_mismatch");
  const wanted = form.get("requested_token_type") ?? TOKEN_TYPE_ACCESS;
  if (wanted !== TOKEN_TYPE_ACCESS) return no("token_type_unsupported");
  const actorToken = form.get("actor_token");
  if (actorToken !== undefined) {
    // Elsewhere an actor_token would be a second opinion on who the agent is.
    if (subjectType !== TOKEN_TYPE_ACCESS || form.get("actor_token_type") !== TOKEN_TYPE_JWT) {
      return no("token_type_unsupported");
    }
    const ask = readSeatDetails(form.get("authorization_details"));
    if (typeof ask === "string") return no(ask);
    return {
      ok: true,
      exchange: { kind: "delegate", subjectToken, clientAssertion, actorToken, ask },
    };
  }
  if (isAsserted) {
    const ask = readDetails(form.get("authorization_details"));
    if (typeof ask === "string") return no(ask);
    return {
      ok: true,
      exchange: { kind: "open", signedInBy: "access", subjectToken, clientAssertion, ask },
    };
  }
  switch (subjectType) {
    case TOKEN_TYPE_ACCESS:
      // A renewal changes nothing about the seat, so it may not ask for anything either.
      if (form.has("authorization_details")) return no("details_invalid");
      return { ok: true, exchange: { kind: "renew", subjectToken, clientAssertion } };
    case TOKEN_TYPE_TXN: {
      const ask = readSeatDetails(form.get("authorization_details"));
      if (typeof ask === "string") return no(ask);
      return { ok: true, exchange: { kind: "call", subjectToken, clientAssertion, ask } };
    }
    case TOKEN_TYPE_ID: {
      if (asserted !== null) return no("human_repeated");
      const ask = readDetails(form.get("authorization_details"));
      if (typeof ask === "string") return no(ask);
      return {
        ok: true,
        exchange: { kind: "open", signedInBy: "idp", subjectToken, clientAssertion, ask },
      };
    }
    case undefined:
      return no("parameter_missing");
    default:
      return no("token_type_unsupported");
  }
}

/** `POST /{tenant}/v1/workflows`: the same question as JSON, with the same checks. */
export function parseOpenBody(body: string, asserted: string | null): ExchangeResult<OpenExchange> {
  if (body.length > MAX_EXCHANGE_CHARS) return no("body_too_large");
  const json = parseStrict(body);
  if (!json.ok || !isObject(json.value)) return no("body_malformed");
  if (asserted !== null) {
    if (Object.hasOwn(json.value, "subject_token")) return no("human_repeated");
    const parsed = assertedBodySchema.safeParse(json.value);
    if (!parsed.success) return no("details_invalid");
    const { client_assertion: clientAssertion, ...ask } = parsed.data;
    const opened = { subjectToken: asserted, clientAssertion, ask: toAsk(ask) };
    return { ok: true, exchange: { kind: "open", signedInBy: "access", ...opened } };
  }
  const parsed = openBodySchema.safeParse(json.value);
  if (!parsed.success) return no("details_invalid");
  const { subject_token: subjectToken, client_assertion: clientAssertion, ...ask } = parsed.data;
  const opened = { subjectToken, clientAssertion, ask: toAsk(ask) };
  return { ok: true, exchange: { kind: "open", signedInBy: "idp", ...opened } };
}

function readDetails(text: string | undefined): WorkflowAsk | FormFault {
  if (text === undefined) return "parameter_missing";
  const json = parseStrict(text);
  if (!json.ok) return "details_malformed";
  const parsed = detailSchema.safeParse(json.value);
  if (!parsed.success) return "details_invalid";
  const [{ type: _type, ...ask }] = parsed.data;
  return toAsk(ask);
}

/** May be left out: then the seat has all that giver and trust give. */
function readSeatDetails(text: string | undefined): SeatAsk | FormFault {
  if (text === undefined) return {};
  const json = parseStrict(text);
  if (!json.ok) return "details_malformed";
  const parsed = seatDetailSchema.safeParse(json.value);
  return parsed.success ? toSeatAsk(parsed.data[0]) : "details_invalid";
}

/** Absent members stay absent: `undefined` would not survive canonical JSON. */
function toAsk(ask: z.infer<typeof workflowAskSchema>): WorkflowAsk {
  const { purpose, inputs = {} } = ask;
  return { purpose, inputs: inputs as JsonObject, ...toSeatAsk(ask) };
}

function toSeatAsk({ tools, limits, lifeMs }: z.infer<typeof seatAskSchema>): SeatAsk {
  return {
    ...(tools && { tools }),
    ...(limits && { limits: present(limits) }),
    ...(lifeMs !== undefined && { lifeMs }),
  };
}

function present(limits: {
  readonly [name in keyof Limits]?: Limits[name] | undefined;
}): Partial<Limits> {
  return {
    ...(limits.calls !== undefined && { calls: limits.calls }),
    ...(limits.cost !== undefined && { cost: limits.cost }),
    ...(limits.runtimeMs !== undefined && { runtimeMs: limits.runtimeMs }),
    ...(limits.tokens !== undefined && { tokens: limits.tokens }),
    ...(limits.tools !== undefined && { tools: limits.tools }),
  };
}

/** RFC 6749 §3.2: a parameter may not appear twice, and an empty one counts as left out. */
function readForm(body: string): ReadonlyMap<string, string> | FormFault {
  const form = new Map<string, string>();
  const names = new Set<string>();
  for (const [name, value] of new URLSearchParams(body)) {
    if (names.has(name)) return "parameter_repeated";
    names.add(name);
    if (names.size > MAX_PARAMETERS) return "body_malformed";
    if (value !== "") form.set(name, value);
  }
  return form;
}

function no(fault: FormFault): { readonly ok: false; readonly fault: FormFault } {
  return { ok: false, fault };
}
