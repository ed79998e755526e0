import { z } from "zod";
import { openBodySchema } from "../../identity/exchange.ts";
import * as schemas from "./schemas.ts";

export interface Operation {
  readonly id: string;
  readonly summary: string;
  /** `socket`: who can open the admin socket, which lies in the data folder with mode 0600. */
  readonly security: "dpop" | "none" | "socket";
  readonly body?: { readonly type: string; readonly schema: z.ZodType };
  readonly answers: { readonly [status: number]: z.ZodType | null };
  readonly query?: readonly string[];
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
      query: ["after", "limit"],
      answers: { 200: schemas.events },
    },
  },
  "/{tenant}/v1/workflows/{workflow}/checkpoint": {
    get: {
      id: "getCheckpoint",
      summary: "The agent's own state, as last saved",
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
  "/{tenant}/v1/workflows/{workflow}/close": {
    post: {
      id: "closeWorkflow",
      summary: "End a workflow for good",
      security: "dpop",
      answers: { 200: schemas.changed },
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
    schema === null
      ? { description: "OAuth error (RFC 6749 §5.2)" }
      : {
          description: operation.summary,
          content: { [JSON_TYPE]: { schema: jsonSchema(schema) } },
        },
  ]);
  return {
    operationId: operation.id,
    summary: operation.summary,
    security: operation.security === "dpop" ? [{ dpop: [] }] : [],
    ...(operation.query && {
      parameters: operation.query.map((name) => ({
        name,
        in: "query",
        schema: { type: "integer" },
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

function jsonSchema(schema: z.ZodType): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { reused: "inline" });
  return rest;
}
