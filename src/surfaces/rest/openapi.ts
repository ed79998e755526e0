import { z } from "zod";
import { openBodySchema } from "../../identity/exchange.ts";
import { evaluationAnswer, evaluationRequest } from "../authzen/evaluation.ts";
import { decisionBody } from "./approvals.ts";
import * as schemas from "./schemas.ts";

export interface Operation {
  readonly id: string;
  readonly summary: string;
  /** `socket`: who can open the admin socket, which lies in the data folder with mode 0600. */
  readonly security: "dpop" | "approver" | "none" | "socket";
  readonly body?: { readonly type: string; readonly schema: z.ZodType };
  /** Null: an OAuth error. */
  readonly answers: { readonly [status: number]: z.ZodType | null | "empty" };
  /** Parameters behind the question mark, by name. */
  readonly query?: { readonly [name: string]: "integer" | "string" };
}

const JSON_TYPE = "application/json";

/** Every agent-facing resource, once: the document is made of this, and a test walks the routes. */
export type Operations = {
  readonly [path: string]: { readonly [method: string]: Operation };
};

export const OPERATIONS: Operations = {
  "/{tenant}/oauth/token": {
    post: {
      id: "exchangeToken",
      summary: "Open a workflow or renew a seat (RFC 8693)",
      security: "none",
      body: { type: "application/x-www-form-urlencoded", schema: schemas.tokenRequest },
      answers: { 200: schemas.tokenAnswer, 400: null, 401: null },
    },
  },
  "/{tenant}/v1/workflows": {
    post: {
      id: "openWorkflow",
      summary: "Open a workflow: the same operation as JSON",
      security: "none",
      body: { type: JSON_TYPE, schema: openBodySchema },
      answers: { 201: schemas.tokenAnswer, 400: null, 401: null },
    },
  },
  "/{tenant}/v1/workflows/{workflow}": {
    get: {
      id: "showWorkflow",
      summary: "State, limits and use of a workflow",
      security: "dpop",
      answers: { 200: schemas.workflowView },
    },
  },
  "/{tenant}/v1/workflows/{workflow}/tools": {
    get: {
      id: "listTools",
      summary: "What this seat is offered now; with a task, what fits it, the best first",
      security: "dpop",
      query: { task: "string", limit: "integer" },
      answers: { 200: schemas.toolList },
    },
  },
  "/{tenant}/v1/workflows/{workflow}/calls": {
    post: {
      id: "makeCall",
      summary: "Make one governed call; 200 for every outcome",
      security: "dpop",
      body: { type: JSON_TYPE, schema: schemas.callRequest },
      answers: { 200: schemas.outcome },
    },
  },
  "/{tenant}/v1/workflows/{workflow}/calls/{call}": {
    get: {
      id: "showCall",
      summary: "One call as the record has it",
      security: "dpop",
      answers: { 200: schemas.callEvents },
    },
  },
  "/{tenant}/v1/workflows/{workflow}/events": {
    get: {
      id: "listEvents",
      summary: "The record of a workflow, in order",
      security: "dpop",
      query: { after: "integer", limit: "integer" },
      answers: { 200: schemas.events },
    },
  },
  "/{tenant}/v1/workflows/{workflow}/checkpoint": {
    get: {
      id: "getCheckpoint",
      summary: "The agent's own state, as this seat last saved it",
      security: "dpop",
      answers: { 200: schemas.checkpoint },
    },
    put: {
      id: "putCheckpoint",
      summary: "Save the agent's own state: any JSON, at most 256 KiB",
      security: "dpop",
      body: { type: JSON_TYPE, schema: z.json() },
      answers: { 200: schemas.changed },
    },
  },
  "/{tenant}/v1/workflows/{workflow}/usage": {
    post: {
      id: "reportUsage",
      summary:
        "Count tokens that the agent's models used; over a ceiling, the next call is refused",
      security: "dpop",
      body: { type: JSON_TYPE, schema: schemas.usageReport },
      answers: { 200: schemas.changed },
    },
  },
  "/{tenant}/v1/workflows/{workflow}/undo": {
    get: {
      id: "planUndo",
      summary: "What another workflow of the same human changed, and what would take it back",
      security: "dpop",
      query: { of: "string" },
      answers: { 200: schemas.undoPlan },
    },
    post: {
      id: "undoCall",
      summary: "Propose the inverse of a committed call, as a call of this workflow",
      security: "dpop",
      body: { type: JSON_TYPE, schema: schemas.undoRequest },
      answers: { 200: schemas.undoAnswer },
    },
  },
  "/{tenant}/v1/workflows/{workflow}/close": {
    post: {
      id: "closeWorkflow",
      summary: "End a workflow for good; only by the agent that the human started",
      security: "dpop",
      answers: { 200: schemas.changed },
    },
  },
  "/{tenant}/access/v1/evaluation": {
    post: {
      id: "evaluateCall",
      summary: "What a call would meet if it were made now (AuthZEN 1.0); nothing is done",
      security: "dpop",
      body: { type: JSON_TYPE, schema: evaluationRequest },
      answers: { 200: evaluationAnswer },
    },
  },
  "/{tenant}/v1/approvals": {
    get: {
      id: "listApprovals",
      summary: "Requests that wait for this human, without a value",
      security: "approver",
      answers: { 200: schemas.approvalList },
    },
  },
  "/{tenant}/v1/approvals/sign-in": {
    get: {
      id: "approvalSignIn",
      summary: "Where humans sign in to decide",
      security: "none",
      answers: { 200: schemas.approvalSignIn },
    },
  },
  "/{tenant}/v1/approvals/{approval}": {
    get: {
      id: "showApproval",
      summary: "One request, with the change as far as this human may see it",
      security: "approver",
      answers: { 200: schemas.approvalView },
    },
  },
  "/{tenant}/v1/approvals/{approval}/decision": {
    post: {
      id: "decideApproval",
      summary: "Give or refuse one kind, by a human freshly signed in for exactly this",
      security: "approver",
      body: { type: JSON_TYPE, schema: decisionBody },
      answers: { 200: schemas.approvalDecided },
    },
  },
  "/{tenant}/v1/events": {
    post: {
      id: "receiveSecurityEvent",
      summary: "Take one Security Event Token by push (RFC 8935)",
      security: "none",
      body: { type: "application/secevent+jwt", schema: z.string() },
      answers: { 202: "empty", 400: schemas.securityEventRefusal },
    },
  },
  "/{tenant}/v1/connectors/enroll": {
    post: {
      id: "enrolConnector",
      summary: "Trade a one-time join code for a connector's identity",
      security: "none",
      body: { type: JSON_TYPE, schema: schemas.enrolRequest },
      answers: { 201: schemas.enrolAnswer },
    },
  },
};

/** OpenAPI 3.1: its schemas are JSON Schema 2020-12, as zod writes them. */
export function openApiDocument(publicUrl: string, admin: Operations): unknown {
  const paths = Object.fromEntries(
    Object.entries({ ...OPERATIONS, ...admin }).map(([path, methods]) => [
      path,
      {
        parameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
          name,
          in: "path",
          required: true,
          schema: { type: "string" },
        })),
        ...(path in admin && { servers: [ADMIN_SERVER] }),
        ...Object.fromEntries(
          Object.entries(methods).map(([method, operation]) => [method, describe(operation)]),
        ),
      },
    ]),
  );
  return {
    openapi: "3.1.0",
    info: {
      title: "Postern",
      version: "1",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      securitySchemes: {
        dpop: {
          type: "http",
          scheme: "DPoP",
          description: "Workflow credential and proof (RFC 9449).",
        },
        approver: {
          type: "http",
          scheme: "bearer",
          description:
            "ID token of the approvals client: a fresh sign-in, with the nonce `verdict:kind:digest` to decide.",
        },
      },
    },
  };
}

const ADMIN_SERVER = {
  url: "http://localhost",
  description: "The Unix socket admin.sock in the data folder; the CLI speaks to it",
};

function describe(operation: Operation): unknown {
  const answers = Object.entries(operation.answers).map(([status, schema]) => [
    status,
    answer(operation.summary, schema),
  ]);
  return {
    operationId: operation.id,
    summary: operation.summary,
    security:
      operation.security === "dpop" || operation.security === "approver"
        ? [{ [operation.security]: [] }]
        : [],
    ...(operation.query && {
      parameters: Object.entries(operation.query).map(([name, type]) => ({
        name,
        in: "query",
        schema: { type },
      })),
    }),
    ...(operation.body && {
      requestBody: {
        required: true,
        content: { [operation.body.type]: { schema: jsonSchema(operation.body.schema) } },
      },
    }),
    responses: {
      ...Object.fromEntries(answers),
      default: {
        description: "Problem (RFC 9457): nothing was recorded",
        content: { "application/problem+json": { schema: jsonSchema(schemas.problemBody) } },
      },
    },
  };
}

function answer(summary: string, schema: Operation["answers"][number]): unknown {
  if (schema === null) return { description: "OAuth error (RFC 6749 §5.2)" };
  return {
    description: summary,
    ...(schema !== "empty" && { content: { [JSON_TYPE]: { schema: jsonSchema(schema) } } }),
  };
}

function jsonSchema(schema: z.ZodType): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { reused: "inline" });
  return rest;
}
