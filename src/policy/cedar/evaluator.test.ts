import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../core/model/json.ts";
import type { PolicyClass, Question } from "../../core/model/policy.ts";
import type { PolicyTexts, ToolDescription } from "../bundle/model.ts";
import { cedarEvaluator, PolicyTrap, type EvaluatorSource } from "./evaluator.ts";
import { ContextUnfit } from "./projection.ts";

const destination = {
  id: "billing",
  kind: "postgres",
  network: "acme",
  tier: "confidential",
} as const;
const tool = (id: string, writeDomain?: string): ToolDescription => ({
  tool: {
    id,
    definition: "",
    destination: "billing",
    place: { network: "acme", tier: "confidential" },
    action: "read",
    tier: "internal",
    ...(writeDomain !== undefined && { writeDomain }),
    dataClasses: [],
    labels: [],
    policyArguments: [],
    sourceArguments: [],
    trusted: true,
    agent: null,
    reviewed: true,
    canary: false,
    critical: false,
    preview: null,
    cost: 1,
    timeoutMs: 1,
    maxResultBytes: 1,
    resendMs: null,
  },
  title: "",
  description: "",
  owner: "",
  review: [],
  destination,
  template: { kind: "sql", statement: "", params: [], maxRows: 1, mode: "read", preview: null },
  target: [],
  paging: [],
  maxAnswerBytes: null,
  undo: null,
  input: {},
  output: { kind: "text", dataClass: "x" },
});

function source(policies: Partial<PolicyTexts>): EvaluatorSource {
  return {
    destinations: [destination],
    tools: [tool("invoices_list"), tool("tickets_open", "tickets")],
    policies: { network: "", data: "", action: "", budget: "", authority: "", ...policies },
  };
}

function ask(
  policyClass: PolicyClass,
  action: Question["action"],
  type: Question["resource"]["type"],
  id: string,
  context: JsonObject = {},
): Question {
  return { policyClass, action, principal: "support-agent", resource: { type, id }, context };
}

const read = (context: JsonObject = {}, id = "invoices_list"): Question =>
  ask("action", "read", "Tool", id, context);

describe("cedarEvaluator", () => {
  it("denies by default, without a rule", () => {
    const evaluator = cedarEvaluator(source({}));
    expect(evaluator.evaluate(read())).toEqual({ decision: "deny", ruleIds: [], errors: [] });
  });

  it("names the rules that decided, sorted", () => {
    const evaluator = cedarEvaluator(
      source({
        action: `@id("b") permit (principal, action, resource);
          @id("a") permit (principal, action == Action::"read", resource);
          @id("c") forbid (principal, action, resource) when { context.calls > 3 };
          @id("d") permit (principal, action == Action::"mutate", resource);`,
      }),
    );
    expect(evaluator.evaluate(read({ calls: 3 }))).toEqual({
      decision: "allow",
      ruleIds: ["a", "b"],
      errors: [],
    });
    expect(evaluator.evaluate(read({ calls: 4 }))).toEqual({
      decision: "deny",
      ruleIds: ["c"],
      errors: [],
    });
  });

  it("keeps each class to itself: a policy in data.cedar never allows an action", () => {
    const everything = '@id("all") permit (principal, action, resource);';
    const evaluator = cedarEvaluator(source({ data: everything }));
    expect(evaluator.evaluate(read()).decision).toBe("deny");
    expect(evaluator.evaluate(ask("network", "connect", "Destination", "billing")).decision).toBe(
      "deny",
    );
    expect(evaluator.evaluate(ask("budget", "spend", "Tool", "invoices_list")).decision).toBe(
      "deny",
    );
    expect(evaluator.evaluate(ask("data", "disclose", "DataClass", "x")).decision).toBe("allow");
  });

  it("reports a forbid that fails to evaluate, where Cedar alone would skip it", () => {
    const evaluator = cedarEvaluator(
      source({
        action: `@id("open") permit (principal, action, resource);
          @id("broken") forbid (principal, action, resource) when { context.gone == "x" };`,
      }),
    );
    for (let time = 0; time < 2; time++) {
      expect(evaluator.evaluate(read({ calls: 1 }))).toEqual({
        decision: "allow",
        ruleIds: ["open"],
        errors: ["broken"],
      });
    }
  });

  it("knows the attributes of tools, their destinations, and entities a policy names", () => {
    const evaluator = cedarEvaluator(
      source({
        network: `@id("acme") permit (principal, action, resource)
          when { resource.network == "acme" && resource.kind == "postgres" };`,
        action: `@id("tier") permit (principal, action, resource)
          when { resource.destination.tier == "confidential" && resource.tier == "internal" };
          @id("domain") forbid (principal, action, resource)
          when { resource has writeDomain && resource.writeDomain == "tickets" };`,
        data: `@id("via-tool") permit (principal, action, resource)
          when { Tool::"invoices_list".destination.network == "acme" };`,
      }),
    );
    expect(evaluator.evaluate(ask("network", "connect", "Destination", "billing")).ruleIds).toEqual(
      ["acme"],
    );
    expect(evaluator.evaluate(ask("network", "connect", "Destination", "other")).errors).toEqual([
      "acme",
    ]);
    expect(evaluator.evaluate(read()).ruleIds).toEqual(["tier"]);
    expect(evaluator.evaluate(read({}, "tickets_open")).ruleIds).toEqual(["domain"]);
    expect(evaluator.evaluate(ask("data", "disclose", "DataClass", "x")).ruleIds).toEqual([
      "via-tool",
    ]);
  });

  it("does not mistake an argument for an entity or an extension value", () => {
    const evaluator = cedarEvaluator(
      source({
        action: `@id("own") permit (principal, action, resource)
          when { context.arguments has who && context.arguments.who == principal };`,
      }),
    );
    const who = { __entity: { type: "Agent", id: "support-agent" } };
    expect(() => evaluator.evaluate(read({ arguments: { who } }))).toThrow(ContextUnfit);
    expect(() => evaluator.evaluate(read({ arguments: { who: [who] } }))).toThrow(ContextUnfit);
    expect(evaluator.evaluate(read({ arguments: { who: "support-agent" } })).decision).toBe("deny");
  });

  it.each([null, 1.5, 2 ** 53, {}])("does not decide on %j, which Cedar cannot hold", (calls) => {
    const evaluator = cedarEvaluator(
      source({
        action: '@id("a") permit (principal, action, resource) when { context.calls > 1 };',
      }),
    );
    expect(() => evaluator.evaluate(read({ calls }))).toThrow(ContextUnfit);
  });

  it("answers from memory what no policy could tell apart", () => {
    const evaluator = cedarEvaluator(
      source({
        action: `@id("few") permit (principal, action, resource)
          when { context.calls < 10 && context.purpose == "support" };`,
      }),
    );
    const first = evaluator.evaluate(read({ calls: 1, purpose: "support", cost: 1 }));
    const again = evaluator.evaluate(
      read({ calls: 9, purpose: "support", cost: 2, labels: ["x"] }),
    );
    expect(again).toBe(first);
    expect(evaluator.evaluate(read({ calls: 10, purpose: "support" })).decision).toBe("deny");
    expect(evaluator.evaluate(read({ calls: 1, purpose: "other" })).decision).toBe("deny");
    expect(evaluator.evaluate(read({ calls: 1 })).errors).toEqual(["few"]);
    expect(Object.isFrozen(first)).toBe(true);
    expect(Object.isFrozen(first.ruleIds)).toBe(true);
  });

  it("does not mix up two bundles whose policies differ", () => {
    const allow = '@id("a") permit (principal, action, resource);';
    const one = cedarEvaluator(source({ action: allow }));
    const two = cedarEvaluator(source({ action: allow.replace("permit", "forbid") }));
    expect(one.evaluate(read()).decision).toBe("allow");
    expect(two.evaluate(read()).decision).toBe("deny");
    expect(one.evaluate(read({ calls: 1 })).decision).toBe("allow");
  });

  it.each([
    "permit (",
    "permit (principal, action, resource);",
    '@id("a") permit (principal, action, resource) ',
  ])("refuses policies that were not checked: %s", (action) => {
    expect(() => cedarEvaluator(source({ action }))).toThrow(PolicyTrap);
  });

  it("refuses two policies with one id: the engine would keep one of them", () => {
    const allow = '@id("a") permit (principal, action, resource);';
    expect(() => cedarEvaluator(source({ action: allow + allow }))).toThrow(PolicyTrap);
  });
});
