import { z } from "zod";
import { LOCK_TARGETS } from "../../core/model/lock.ts";
import { MAX_LOCK_REASON } from "../../core/model/lock-value.ts";
import { ACTIONS, TIERS } from "../../core/model/policy.ts";
import { KEY_PURPOSES, KEY_STATES } from "../../core/model/signing-key.ts";
import { MISTAKE_CODES } from "../../policy/bundle/mistake.ts";
import { TOOL_STATES } from "../../policy/inventory.ts";
import type { Operations } from "../rest/openapi.ts";
import { events, limits } from "../rest/schemas.ts";
import { LOCK_STATES } from "./ports.ts";

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

const target = z.enum(LOCK_TARGETS);
const lock = z.object({
  lock: z.string(),
  target,
  value: z.string(),
  reason: z.string(),
  by: z.string(),
  state: z.enum(LOCK_STATES).describe("volatile: it holds, but no disk has it yet"),
  inForceAt: z.string().describe("since then nothing under it is admitted"),
  calls: z.int().describe("in flight under it when it came, and cut"),
  drainedAt: z.string().nullable().describe("since then each of those has its durable end"),
  expiresAt: z.string().nullable(),
});

const names = z.array(z.string());
const edgeCommon = { id: z.string(), tools: names.describe("`*`: all"), maxLifeMs: z.int() };
const locksNow = z
  .array(z.object({ id: z.string(), target, value: z.string() }))
  .nullable()
  .describe("in force now on something this answer names; null: nobody can tell");
const trust = z.object({
  policyVersion: z.string(),
  tools: names.describe("all of the bundle"),
  edges: z.array(
    z.object({
      ...edgeCommon,
      claims: z
        .record(z.string(), names)
        .describe("a human has one value of each; without any claim: nobody"),
      agents: names,
      purposes: names,
      limits,
      maxLive: z.int().describe("live workflows of one human with one agent"),
    }),
  ),
  delegations: z.array(
    z.object({ ...edgeCommon, from: names, to: names, limits: limits.partial() }),
  ),
  locks: locksNow,
});
const whoCan = z.object({
  policyVersion: z.string(),
  tool: z
    .object({ id: z.string(), action: z.enum(ACTIONS), tier, destination: z.string() })
    .nullable()
    .describe("null: the bundle has no such tool"),
  suggestion: z.string().nullable().describe("the tool that was probably meant"),
  ways: z.array(
    z.object({
      tool: z.string(),
      agent: z.string().describe("who calls it in the end"),
      humans: z.record(z.string(), names),
      purposes: names,
      through: names.describe("`trust:<id>`, then a `delegation:<id>` for each hop"),
      agents: names.describe("from the one the human starts to the one that calls"),
    }),
  ),
  truncated: z.boolean(),
  locks: locksNow,
});

const tool = z.object({
  tool: z.string(),
  title: z.string(),
  description: z.string(),
  owner: z.string().describe("who answers for it, in words"),
  destination: z.string(),
  action: z.enum(ACTIONS),
  tier,
  writeDomain: z.string().nullable(),
  writes: z
    .object({
      maxRows: z.int().describe("of one statement"),
      relations: z.array(
        z.object({
          relation: z.string(),
          key: names,
          insert: names.describe("columns that a new row may name"),
          update: names.describe("columns that may be changed"),
          delete: z.boolean(),
          also: names.describe("relations that are written along and that no preview shows"),
        }),
      ),
    })
    .nullable()
    .describe("what a statement of an agent's own may write; null: it writes none"),
  dataClasses: names,
  labels: names,
  review: names.describe("members of its file that nobody has confirmed yet"),
  state: z
    .enum(TOOL_STATES)
    .describe("quarantined: a lock on the tool itself; locked: on what it belongs to"),
  locks: names.describe("`lock:<id>`"),
  lastUsedAt: z
    .string()
    .nullable()
    .describe("of the last call admitted since the gateway started; null: none"),
  definition: z.string().describe("SHA-256, hex, of its description"),
});

const key = z.object({
  purpose: z.enum(KEY_PURPOSES),
  key: z.string().describe("RFC 7638 thumbprint"),
  state: z.enum(KEY_STATES),
  publishedAt: z.string(),
  activeAt: z.string().describe("from then on it signs"),
  retiredAt: z.string().nullable().describe("from then on its successor signs"),
  usableUntil: z.string().nullable().describe("what it signed is good until then"),
  goneAt: z.string().nullable().describe("an expired credential may be renewed until then"),
});

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
  "/tenants/{tenant}/connectors/{connector}": {
    delete: {
      id: "removeConnector",
      summary: "Its key is good no more, its session is cut: postern connector remove",
      security: "socket",
      answers: { 200: z.object({ connector: z.string(), removed: z.literal(true) }) },
    },
  },
  "/tenants/{tenant}/connectors/{connector}/drain": {
    post: {
      id: "drainConnector",
      summary: "No more calls; it finishes those it has, and stops: postern connector drain",
      security: "socket",
      answers: { 200: z.object({ connector: z.string(), calls: z.int() }) },
    },
  },
  "/tenants/{tenant}/connectors/{connector}/rotate": {
    post: {
      id: "rotateConnector",
      summary: "Another key, in the session that it has: postern connector rotate",
      security: "socket",
      answers: {
        200: z.object({
          connector: z.string(),
          key: z.string().describe("RFC 7638 thumbprint; the one of before is good no more"),
        }),
      },
    },
  },
  "/tenants/{tenant}/locks": {
    post: {
      id: "addLock",
      summary: "Stop something now: postern lock add",
      security: "socket",
      body: {
        type: JSON_TYPE,
        schema: z.object({
          target,
          value: z.string(),
          reason: z.string().max(MAX_LOCK_REASON),
          lifeMs: z.int().positive().optional(),
        }),
      },
      answers: { 201: lock.extend({ known: z.boolean().nullable() }) },
    },
    get: {
      id: "listLocks",
      summary: "The locks in force, and their epoch: postern lock list",
      security: "socket",
      answers: { 200: z.object({ epoch: z.int(), locks: z.array(lock) }) },
    },
  },
  "/tenants/{tenant}/locks/{lock}": {
    get: {
      id: "showLock",
      summary: "One lock: whether it is recorded, and drained",
      security: "socket",
      answers: { 200: lock },
    },
    delete: {
      id: "removeLock",
      summary: "Let new work in again; what was revoked stays revoked: postern lock remove",
      security: "socket",
      answers: { 200: z.object({ lock: z.string(), removed: z.literal(true) }) },
    },
  },
  "/tenants/{tenant}/trust": {
    get: {
      id: "showTrust",
      summary: "Who may start and call on whom, under the active bundle: postern trust show",
      security: "socket",
      answers: { 200: trust },
    },
  },
  "/tenants/{tenant}/trust/who-can": {
    get: {
      id: "whoCan",
      summary: "Everybody whom trust lets reach one tool, and through whom: postern trust who-can",
      security: "socket",
      query: { tool: "string" },
      answers: { 200: whoCan },
    },
  },
  "/tenants/{tenant}/tools": {
    get: {
      id: "listInventory",
      summary: "Every tool of the active bundle, its owner and state: postern tool list",
      security: "socket",
      answers: { 200: z.object({ policyVersion: z.string(), tools: z.array(tool) }) },
    },
  },
  "/tenants/{tenant}/tools/{tool}": {
    get: {
      id: "showTool",
      summary: "One tool: postern tool show",
      security: "socket",
      answers: { 200: tool },
    },
  },
  "/tenants/{tenant}/tools/{tool}/quarantine": {
    post: {
      id: "quarantineTool",
      summary: "Lock one tool until somebody removes the lock: postern tool quarantine",
      security: "socket",
      body: {
        type: JSON_TYPE,
        schema: z.object({ reason: z.string().max(MAX_LOCK_REASON).describe("one line") }),
      },
      answers: { 201: lock },
    },
  },
  "/tenants/{tenant}/keys": {
    get: {
      id: "listKeys",
      summary: "The gateway's own keys, by thumbprint: postern key list",
      security: "socket",
      answers: { 200: z.object({ keys: z.array(key) }) },
    },
  },
  "/tenants/{tenant}/keys/rotate": {
    post: {
      id: "rotateKeys",
      summary: "Let another key sign, with an overlap: postern key rotate",
      security: "socket",
      body: {
        type: JSON_TYPE,
        schema: z.object({
          purpose: z.enum(KEY_PURPOSES).optional().describe("left out: both"),
          now: z
            .boolean()
            .optional()
            .describe("do not wait until everybody has had time to learn the new key"),
        }),
      },
      answers: {
        200: z.object({
          keys: z.array(key),
          recorded: z.boolean().describe("false: it holds, and the record has no room for it yet"),
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
      query: { after: "integer" },
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
