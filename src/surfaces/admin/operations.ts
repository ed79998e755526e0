import { z } from "zod";
import { TIERS } from "../../core/model/policy.ts";
import { MISTAKE_CODES } from "../../policy/bundle/mistake.ts";
import type { Operations } from "../rest/openapi.ts";
import { events } from "../rest/schemas.ts";

const JSON_TYPE = "application/json";
const tier = z.enum(TIERS);

const activation = z.object({
  ok: z.literal(true),
  policyVersion: z.string(),
  previous: z.string().nullable(),
});
const mistakes = z.object({
  ok: z.literal(false),
  mistakes: z.array(
    z.object({
      code: z.enum(MISTAKE_CODES),
      file: z.string(),
      line: z.int(),
      column: z.int(),
      message: z.string(),
      fix: z.string(),
      suggestion: z.string().optional(),
    }),
  ),
});

const callReport = z
  .looseObject({ call: z.string(), workflow: z.string(), outcome: z.string() })
  .describe(
    "Principals, rules, token claims, redactions, timing and record of one call; no values.",
  );

/** The admin operations, one for each verb of the CLI that speaks to a running gateway. */
export const ADMIN_OPERATIONS: Operations = {
  "/tenants": {
    get: {
      id: "listTenants",
      summary: "Tenants of this gateway",
      security: "socket",
      answers: { 200: z.object({ tenants: z.array(z.string()) }) },
    },
  },
  "/tenants/{tenant}/bundles/activate": {
    post: {
      id: "activateBundle",
      summary: "Check a bundle and make it the one that decides: postern bundle activate",
      security: "socket",
      body: { type: JSON_TYPE, schema: z.object({ files: z.record(z.string(), z.string()) }) },
      answers: { 200: activation, 422: mistakes },
    },
  },
  "/tenants/{tenant}/join-codes": {
    post: {
      id: "createJoinCode",
      summary: "A one-time code that lets one connector in: postern connector enroll",
      security: "socket",
      body: {
        type: JSON_TYPE,
        schema: z.object({ network: z.string(), tier, lifeMs: z.int().optional() }),
      },
      answers: { 201: z.object({ code: z.string(), expiresAt: z.string() }) },
    },
  },
  "/tenants/{tenant}/connectors": {
    get: {
      id: "listConnectors",
      summary: "Enrolled connectors, and whether they are here: postern connector list",
      security: "socket",
      answers: {
        200: z.object({
          connectors: z.array(
            z.object({ connector: z.string(), network: z.string(), tier, connected: z.boolean() }),
          ),
        }),
      },
    },
  },
  "/tenants/{tenant}/workflows": {
    get: {
      id: "listWorkflows",
      summary: "Workflows, newest first: postern workflow list",
      security: "socket",
      answers: {
        200: z.object({
          workflows: z.array(
            z.object({ workflow: z.string(), events: z.int(), startedAt: z.string() }),
          ),
        }),
      },
    },
  },
  "/tenants/{tenant}/workflows/{workflow}/events": {
    get: {
      id: "listWorkflowEvents",
      summary: "The record of a workflow: postern workflow events",
      security: "socket",
      query: ["after"],
      answers: { 200: events },
    },
  },
  "/tenants/{tenant}/calls/{call}": {
    get: {
      id: "reportCall",
      summary: "One call whole: postern call show",
      security: "socket",
      answers: { 200: callReport },
    },
  },
};
