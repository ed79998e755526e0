import { z } from "zod";
import {
  POLICY_CODES,
  FAILURES,
  FAILURE_KINDS,
  type FailureCode,
} from "../../core/model/outcome.ts";
import { POLICY_CLASSES } from "../../core/model/policy.ts";
import { PROBLEMS, type ProblemCode } from "./problem.ts";

const failureCodes = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];
const problemCodes = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

const call = z.string().describe("Id of the call; name it in support requests and audits.");

const result = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("json"), value: z.json() }),
  z.object({ kind: z.literal("text"), contentType: z.string(), text: z.string() }),
  z.object({ kind: z.literal("binary"), contentType: z.string(), base64: z.string() }),
  z.object({ kind: z.literal("mcp"), content: z.array(z.json()) }),
]);

const redaction = z.object({
  path: z.string().describe("JSON Pointer (RFC 6901) into the delivered result."),
  dataClass: z.string(),
  ruleIds: z.array(z.string()),
  transform: z.literal("null"),
});

const policyReason = z.object({
  code: z.enum(POLICY_CODES),
  policyClass: z.enum(POLICY_CLASSES).optional(),
  ruleIds: z.array(z.string()).describe("The rules that decided, sorted."),
  policyVersion: z.string(),
  message: z.string(),
});

const failureReason = z.object({
  kind: z.enum(FAILURE_KINDS),
  code: z.enum(failureCodes),
  message: z.string(),
  status: z.int().optional().describe("HTTP status of the upstream, where it answered one."),
  at: z.array(z.string()).optional().describe("JSON Pointers of refused arguments; never values."),
});

export const outcome = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("ok"), call, result }),
  z.object({
    outcome: z.literal("partial_result"),
    call,
    result,
    redactions: z.array(redaction),
    dropped: z.int(),
    truncated: z.boolean(),
  }),
  z.object({
    outcome: z.literal("policy_denied"),
    call,
    reason: policyReason,
    remedy: z.string().optional(),
  }),
  z.object({
    outcome: z.literal("failed"),
    call,
    reason: failureReason,
    retryable: z.boolean(),
    retryAfter: z.int().optional().describe("Seconds."),
  }),
  z.object({
    outcome: z.literal("outcome_unknown"),
    call,
    reason: failureReason,
    reconcile: z.string(),
  }),
]);

export const problemBody = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(problemCodes),
  at: z.array(z.string()).optional(),
});

const limits = z.object({
  calls: z.int(),
  cost: z.int().describe("Micro-units."),
  runtimeMs: z.int(),
});

export const callRequest = z.strictObject({
  tool: z.string(),
  arguments: z.record(z.string(), z.json()).optional(),
});

export const tokenRequest = z.object({
  grant_type: z.literal("urn:ietf:params:oauth:grant-type:token-exchange"),
  subject_token: z.string(),
  subject_token_type: z.enum([
    "urn:ietf:params:oauth:token-type:id_token",
    "urn:ietf:params:oauth:token-type:access_token",
  ]),
  client_assertion_type: z.literal("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
  client_assertion: z.string(),
  resource: z.string(),
  authorization_details: z
    .string()
    .optional()
    .describe("JSON array with one object of type dev.postern/workflow; not for renewing."),
});

export const tokenAnswer = z.object({
  access_token: z.string(),
  token_type: z.literal("DPoP"),
  issued_token_type: z.literal("urn:ietf:params:oauth:token-type:access_token"),
  expires_in: z.int(),
  authorization_details: z.array(
    z.object({
      type: z.literal("dev.postern/workflow"),
      workflow: z.string(),
      seat: z.string(),
      tools: z.array(z.string()),
      expiresAt: z.string(),
    }),
  ),
});

export const workflowView = z.object({
  workflow: z.string(),
  status: z.enum(["new", "open", "closed"]),
  agent: z.string(),
  purpose: z.string(),
  expiresAt: z.string(),
  limits,
  used: limits,
  labels: z.array(z.string()),
  writeDomains: z.array(z.string()),
  inFlight: z.int(),
});

const storedEvent = z.object({
  event: z
    .looseObject({ type: z.string(), seq: z.int(), at: z.int(), workflow: z.string() })
    .describe("See docs/protocol/audit-record.md."),
  hash: z.string(),
});
export const events = z.object({ events: z.array(storedEvent), next: z.int().nullable() });
export const callEvents = z.object({ events: z.array(storedEvent) });

export const checkpoint = z.object({ seq: z.int(), value: z.json() });
export const changed = z.object({ seq: z.int() });

export const enrolRequest = z.strictObject({
  code: z.string(),
  publicKey: z.object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string() }),
  network: z.string(),
  tier: z.string(),
});
export const enrolAnswer = z.object({
  connector: z.string(),
  issuer: z.string(),
  audience: z.string(),
  jwks: z.object({ keys: z.array(z.json()) }),
});
