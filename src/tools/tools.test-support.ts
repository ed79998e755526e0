import { createHash } from "node:crypto";
import type { Tool } from "../core/model/bundle.ts";
import type { Json } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { RawAnswer } from "../gateway/ports.ts";
import type {
  HttpSlot,
  HttpTemplate,
  SqlTemplate,
  ToolDescription,
} from "../policy/bundle/model.ts";
import type { ResultLimits } from "./fit.ts";

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

type Over = Partial<Omit<ToolDescription, "tool">> & { readonly tool?: Partial<Tool> };

/** A tool of a bundle without a mistake; each test says what matters to it. */
export function toolOf({ tool, ...over }: Over = {}): ToolDescription {
  return {
    tool: {
      id: "tickets_update",
      definition: "d",
      destination: "tickets",
      place: { network: "acme", tier: "internal" },
      action: "mutate",
      tier: "internal",
      critical: false,
      dataClasses: ["ticket"],
      labels: [],
      policyArguments: [],
      sourceArguments: [],
      trusted: false,
      agent: null,
      reviewed: true,
      canary: false,
      resendMs: null,
      preview: null,
      cost: 1,
      timeoutMs: 1_000,
      maxResultBytes: 65_536,
      ...tool,
    },
    title: "Update a ticket",
    description: "Changes members of a ticket.",
    destination: { id: "tickets", kind: "http", network: "acme", tier: "internal" },
    template: httpOf(),
    input: { type: "object", properties: {}, additionalProperties: false },
    output: { kind: "text", dataClass: "ticket" },
    owner: "support",
    review: [],
    target: [],
    paging: [],
    maxAnswerBytes: null,
    undo: null,
    ...over,
  };
}

/** Arguments that the wire calls as the agent does. */
export function slots(...names: readonly string[]): readonly HttpSlot[] {
  return names.map((name) => ({ argument: name, name, form: "plain" }));
}

export function httpOf(over: Partial<HttpTemplate> = {}): HttpTemplate {
  return {
    kind: "http",
    method: "PATCH",
    path: "/",
    query: [],
    headers: [],
    cookies: [],
    body: null,
    encoding: "json",
    idempotencyHeader: null,
    idempotencyMinutes: null,
    preview: null,
    ...over,
  };
}

export function sqlOf(over: Partial<SqlTemplate> = {}): SqlTemplate {
  return {
    kind: "sql",
    statement: "select 1",
    params: [],
    maxRows: 10,
    mode: "read",
    preview: null,
    ...over,
  };
}

export function answerOf(value: Json, over: Partial<RawAnswer> = {}): RawAnswer {
  return {
    status: 200,
    contentType: "application/json",
    encoding: "utf8",
    body: JSON.stringify(value),
    truncated: false,
    ...over,
  };
}

/** A tool whose service sends no more than it may return. */
export function limited(maxResultBytes: number, over: Partial<ResultLimits> = {}): ResultLimits {
  return { maxResultBytes, maxAnswerBytes: maxResultBytes, paging: [], ...over };
}

/** A plan that allows these classes and denies those. */
export function planOf(allowed: readonly string[], denied: readonly string[] = []): RedactionPlan {
  const entry = (allow: boolean) => (name: string) =>
    [name, { allow, ruleIds: [`${allow ? "may" : "no"}-${name}`] }] as const;
  return Object.fromEntries([...allowed.map(entry(true)), ...denied.map(entry(false))]);
}
