import { z } from "zod";
import {
  APPROVAL_CODES,
  POLICY_CODES,
  FAILURES,
  FAILURE_KINDS,
  type FailureCode,
} from "../../core/model/outcome.ts";
import { MAX_REPORTED_TOKENS } from "../../core/session/limits.ts";
import { POLICY_CLASSES } from "../../core/model/policy.ts";
import { SUSPICIONS } from "../../identity/suspicion.ts";
import { UNDO_MESSAGES, type UndoCode } from "../../gateway/undo.ts";
import { PROBLEMS, type ProblemCode } from "./problem.ts";
import { SECURITY_EVENT_ERRORS } from "./security-events.ts";

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

const truncation = z
  .object({
    places: z.array(
      z.object({
        path: z
          .string()
          .describe("JSON Pointer into the delivered result; empty: the text or list as a whole."),
        unit: z.enum(["items", "bytes"]),
        kept: z.int(),
        of: z.int().optional().describe("Absent: nobody read so far."),
      }),
    ),
    maxBytes: z.int().describe("Bytes that the tool may return."),
    bytes: z.int().optional().describe("Of the whole result; absent: it was not read to its end."),
    arguments: z.array(z.string()).describe("Arguments that choose which part comes."),
    advice: z.string(),
  })
  .describe("What was left out because the result was larger than it may be.");

const policyReason = z.object({
  code: z.enum(POLICY_CODES),
  policyClass: z.enum(POLICY_CLASSES).optional(),
  ruleIds: z.array(z.string()).describe("The rules that decided, sorted."),
  policyVersion: z.string(),
  message: z.string(),
  blockedBy: z.string().optional().describe("The call or approval that stands in the way."),
});

const failureReason = z.object({
  kind: z.enum(FAILURE_KINDS),
  code: z.enum(failureCodes),
  message: z.string(),
  status: z.int().optional().describe("HTTP status of the upstream, where it answered one."),
  at: z.array(z.string()).optional().describe("JSON Pointers of refused arguments; never values."),
  expected: z
    .record(z.string(), z.string())
    .optional()
    .describe("What the tool's schema asks for at some of these places."),
  why: z
    .strictObject({ code: z.string(), fix: z.string(), position: z.int().optional() })
    .optional()
    .describe("What is wrong with an argument that fits its schema, such as a statement."),
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
    truncation: truncation.optional(),
  }),
  z.object({
    outcome: z.literal("human_approval_required"),
    call,
    approval: z.object({
      id: z.string(),
      url: z.string().describe("Where humans decide it."),
      expiresAt: z.string().describe("RFC 3339; not decided by then, it is rejected."),
      kinds: z.array(z.string()).describe("Still to be given, each by another human."),
      summary: z.string(),
      proposedDiff: z
        .array(z.looseObject({ op: z.string(), path: z.string() }))
        .optional()
        .describe("RFC 6902, as far as this agent may see it."),
      hidden: z.array(redaction).optional(),
      digest: z.string().describe("SHA-256, hex, of everything that is approved."),
    }),
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
  refusal: z
    .object({
      code: z.enum([...APPROVAL_CODES, ...SUSPICIONS]),
      message: z.string(),
      ruleIds: z.array(z.string()),
    })
    .optional()
    .describe(
      "Why a decision on an approval was not taken, or what was wrong about a credential that is good in itself.",
    ),
});

export const limits = z.object({
  calls: z.int(),
  cost: z.int().describe("Micro-units."),
  runtimeMs: z.int(),
  tokens: z.int().optional().describe("Of models as reported, and of results as metered."),
  tools: z.record(z.string(), z.int()).optional().describe("Calls of single tools."),
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
  readOnly: z.boolean().describe("After something suspicious: no more effects."),
});

export const toolList = z.object({
  tools: z
    .array(
      z.object({
        name: z.string(),
        title: z.string(),
        description: z.string(),
        inputSchema: z.looseObject({}),
        outputSchema: z.looseObject({}).optional(),
        annotations: z.object({ readOnlyHint: z.boolean(), destructiveHint: z.boolean() }),
      }),
    )
    .describe("A help to the agent, never a grant: each call is decided anew."),
});

const storedEvent = z.object({
  event: z
    .looseObject({ type: z.string(), seq: z.int(), at: z.int(), workflow: z.string() })
    .describe("See docs/protocol/audit-record.md."),
  hash: z.string(),
});
export const events = z.object({ events: z.array(storedEvent), next: z.int().nullable() });
export const callEvents = z.object({
  events: z.array(storedEvent),
  outcome: outcome.nullable().describe("As it was told; null: the call has not ended."),
});

const approvalLine = {
  id: z.string(),
  workflow: z.string(),
  agent: z.string(),
  purpose: z.string(),
  tool: z.string(),
  kinds: z.array(z.string()),
  given: z.array(z.string()).describe("Kinds that humans have given already."),
  expiresAt: z.string(),
};
export const approvalList = z.object({ approvals: z.array(z.object(approvalLine)) });
const approvalStatus = z.enum(["pending", "approved", "rejected", "used", "stale", "expired"]);
export const approvalView = z.object({
  ...approvalLine,
  status: approvalStatus,
  title: z.string(),
  startedBy: z.string().describe("Pseudonym of the human who started the workflow."),
  digest: z.string().describe("Part of the nonce of the sign-in that decides."),
  summary: z.string(),
  ruleIds: z.array(z.string()),
  discloses: z.array(z.string()),
  arguments: z
    .json()
    .optional()
    .describe("Left out for who may not see all of the change, and when no longer kept."),
  proposedDiff: z.array(z.looseObject({ op: z.string(), path: z.string() })).optional(),
  hidden: z.array(redaction).optional(),
  decided: z.array(z.object({ kind: z.string(), human: z.string() })),
  earlier: z
    .array(
      z.object({
        id: z.string(),
        tool: z.string(),
        again: z.boolean().describe("On the same target with the same tool."),
        status: approvalStatus,
        kinds: z.array(z.string()),
      }),
    )
    .describe("What the same workflow asked for before, the last first; at most 20."),
});
export const approvalDecided = z.object({
  decided: z.enum(["approve", "reject"]),
  complete: z.boolean().describe("With this one all kinds are given."),
});
export const approvalSignIn = z.object({ issuer: z.string(), clientId: z.string() });

const undoCode = z.enum(Object.keys(UNDO_MESSAGES) as [UndoCode, ...UndoCode[]]);
export const undoRequest = z.strictObject({ call: z.string() });
export const undoAnswer = z.union([
  outcome,
  z.object({ refused: z.object({ code: undoCode, message: z.string() }) }),
]);
export const undoPlan = z.object({
  steps: z
    .array(
      z.object({
        call: z.string(),
        tool: z.string(),
        undo: z.string().nullable().describe("The tool that takes it back."),
        code: undoCode.nullable().describe("Why nothing does."),
      }),
    )
    .describe("The last change first: the order to undo in."),
});

export const usageReport = z.strictObject({ tokens: z.int().min(1).max(MAX_REPORTED_TOKENS) });

export const checkpoint = z.object({ seq: z.int(), value: z.json() });
export const changed = z.object({ seq: z.int() });

export const securityEventRefusal = z
  .object({ err: z.enum(SECURITY_EVENT_ERRORS), description: z.string() })
  .describe("RFC 8935 §2.3");

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
