import { beforeAll, describe, expect, it } from "vitest";
import type { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

const CALL = expect.stringMatching(/^call_[0-9a-f]{32}$/) as unknown;
const VERSION = expect.stringMatching(/^[0-9a-f]{64}$/) as unknown;

/** The fallback contract: what an agent gets back, in every way a call can end. */
export function outcomeCases(world: () => World): void {
  let workflow: Workflow;
  beforeAll(async () => {
    const { acme, agent } = world();
    workflow = await acme.open(agent, "dana", { purpose: "lab" });
  });

  describe("ok and partial_result", () => {
    it("gives a result as it is", async () => {
      expect(await workflow.call("lab_note", { text: "grüße" })).toEqual({
        outcome: "ok",
        call: CALL,
        result: { kind: "json", value: { text: "grüße" } },
      });
    });

    it("redacts nested fields, arrays and maps, drops records, and counts all of it", async () => {
      const { lab } = world();
      const person = (name: string, rank: string): object => ({
        name,
        rank,
        mail: `${name}@private.example`,
        home: { street: "Hidden 1", city: "Nowhere" },
        orders: [
          { item: "lamp", card: "4242" },
          { item: "desk", card: "1111" },
        ],
        undeclared: "nobody described this",
      });
      lab.script("people", {
        people: [person("ann", "basic"), person("bea", "vip"), person("cyd", "basic")],
        index: { "a/b": { seen: 1, by: "eve" } },
        extra: true,
      });
      const outcome = await workflow.call("lab_people", { key: "people" });
      const shown = (name: string): object => ({
        name,
        rank: "basic",
        mail: null,
        home: null,
        orders: [
          { item: "lamp", card: null },
          { item: "desk", card: null },
        ],
      });
      const secret = (path: string): object => ({
        path,
        dataClass: "lab.secret",
        ruleIds: ["secrets-stay-secret"],
        transform: "null",
      });
      expect({ ...outcome, redactions: undefined }).toEqual({
        outcome: "partial_result",
        call: CALL,
        result: {
          kind: "json",
          value: { people: [shown("ann"), shown("cyd")], index: { "a/b": { seen: 1, by: null } } },
        },
        redactions: undefined,
        dropped: 1,
        truncated: false,
      });
      const paths = [0, 1].flatMap((at) => [
        `/people/${at}/mail`,
        `/people/${at}/home`,
        `/people/${at}/orders/0/card`,
        `/people/${at}/orders/1/card`,
      ]);
      const expected = [...paths, "/index/a~1b/by"].map(secret);
      expect(outcome.redactions).toHaveLength(expected.length);
      expect(outcome.redactions).toEqual(expect.arrayContaining(expected));
      const [, settled] = await workflow.eventsOf(outcome.call);
      expect(settled).toMatchObject({
        type: "call.settled",
        outcome: "partial_result",
        dropped: 1,
        // Three people were described by one field too many each, and so was the whole.
        undeclared: expect.any(Number),
        redactions: expect.arrayContaining([
          { path: "/people/*/mail", dataClass: "lab.secret", count: 2 },
          { path: "/people/*/orders/*/card", dataClass: "lab.secret", count: 4 },
          { path: "/index/*/by", dataClass: "lab.secret", count: 1 },
        ]),
      });
      expect(settled?.["undeclared"]).toBeGreaterThanOrEqual(3);
    });

    it("leaves out what is more than a tool may return, and says what, and how to get it", async () => {
      const { lab } = world();
      const books = (count: number): object[] =>
        Array.from({ length: count }, (_, n) => ({ title: `book ${n}`, owner: "HIDDEN" }));
      lab.script("shelf", { books: books(20) });
      const outcome = await workflow.call("lab_shelf", { key: "shelf" });
      const kept = Array.from({ length: 5 }, (_, n) => ({ title: `book ${n}`, owner: null }));
      expect(outcome).toEqual({
        outcome: "partial_result",
        call: CALL,
        result: { kind: "json", value: { books: kept } },
        redactions: kept.map((_, at) => expect.objectContaining({ path: `/books/${at}/owner` })),
        dropped: 0,
        truncated: true,
        truncation: {
          places: [{ path: "/books", unit: "items", kept: 5, of: 20 }],
          maxBytes: 200,
          bytes: JSON.stringify({ books: books(20) }).replaceAll('"HIDDEN"', "null").length,
          arguments: ["key"],
          advice: expect.stringContaining("arguments named"),
        },
      });
      const [, settled] = await workflow.eventsOf(outcome.call);
      expect(settled).toMatchObject({ outcome: "partial_result", truncated: true });
      // What is more than anybody reads has no beginning that could be shown.
      lab.script("shelves", { books: books(200) });
      expect(await workflow.call("lab_shelf", { key: "shelves" })).toMatchObject({
        outcome: "failed",
        reason: { code: "response_too_large" },
      });
    });

    it("removes fields that nobody declared, and stays ok", async () => {
      world().lab.script("undeclared", { text: "fine", secret: "never described" });
      const outcome = await workflow.call("lab_script", { key: "undeclared" });
      expect(outcome).toEqual({
        outcome: "ok",
        call: CALL,
        result: { kind: "json", value: { text: "fine" } },
      });
      const [, settled] = await workflow.eventsOf(outcome.call);
      expect(settled).toMatchObject({ outcome: "ok", undeclared: 1 });
    });

    it("passes text, binary and content blocks on as what they are", async () => {
      const { lab } = world();
      lab.script("plain", "just words", "text/plain");
      lab.script("picture", "not really a picture", "image/png");
      lab.script("blocks", { content: [{ type: "text", text: "one block" }] });
      const text = await workflow.call("lab_text", { key: "plain" });
      expect(text.result).toEqual({ kind: "text", contentType: "text/plain", text: "just words" });
      const image = await workflow.call("lab_image", { key: "picture" });
      const base64 = Buffer.from("not really a picture").toString("base64");
      expect(image.result).toEqual({ kind: "binary", contentType: "image/png", base64 });
      const content = await workflow.call("lab_content", { key: "blocks" });
      expect(content).toMatchObject({
        outcome: "ok",
        result: { kind: "mcp", content: [{ type: "text", text: "one block" }] },
      });
    });
  });

  describe("policy_denied", () => {
    it.each([
      ["lab_island", {}, "network", "network_denied", ["default:network"]],
      ["lab_fortress", {}, "network", "network_denied", ["nobody-enters-the-fortress"]],
      ["lab_execute", { text: "x" }, "action", "action_denied", ["default:action"]],
      ["payroll_list", { month: "2025-01" }, "action", "action_denied", ["payroll-is-off-limits"]],
      ["lab_unmentioned", {}, "data", "data_denied", ["default:data"]],
      ["lab_secret", {}, "data", "data_denied", ["secrets-stay-secret"]],
      ["lab_unfunded", {}, "budget", "budget_denied", ["default:budget"]],
      ["lab_expensive", {}, "budget", "budget_denied", ["nothing-expensive"]],
      [
        "lab_amount",
        { amount: 999_999_999 },
        "action",
        "policy_error",
        ["breaks-on-large-numbers"],
      ],
      [
        "tickets_create",
        { customerId: "cus_000001", title: "t", text: "t", priority: "urgent" },
        "action",
        "action_denied",
        ["urgent-is-for-humans"],
      ],
    ])("%s %j is denied by the %s class: %s %j", async (tool, args, policyClass, code, ruleIds) => {
      const { lab } = world();
      const before = lab.arrivals.length;
      const outcome = await workflow.call(tool, args);
      expect(outcome).toEqual({
        outcome: "policy_denied",
        call: CALL,
        reason: { code, policyClass, ruleIds, policyVersion: VERSION, message: expect.any(String) },
        remedy: expect.any(String),
      });
      expect(lab.arrivals).toHaveLength(before);
      expect(await workflow.eventsOf(outcome.call)).toEqual([
        expect.objectContaining({
          type: "call.refused",
          outcome: "policy_denied",
          tool,
          code,
          policyClass,
          ruleIds,
        }),
      ]);
    });

    it("admits the neighbour of a denied call", async () => {
      expect(await workflow.call("lab_amount", { amount: 5 })).toMatchObject({ outcome: "ok" });
      expect(await workflow.call("lab_write", { text: "x" })).toMatchObject({ outcome: "ok" });
    });

    it("records an unknown tool, without repeating its name", async () => {
      const outcome = await workflow.call("rm_rf_everything", { text: "x" });
      expect(outcome).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "unknown_tool", ruleIds: ["core:tool"] },
      });
      const events = await workflow.eventsOf(outcome.call);
      expect(events).toEqual([
        expect.objectContaining({ type: "call.refused", tool: null, code: "unknown_tool" }),
      ]);
      expect(JSON.stringify(await workflow.events())).not.toContain("rm_rf_everything");
    });

    it("denies a tool that this workflow was opened without", async () => {
      const { acme, agent } = world();
      const narrow = await acme.open(agent, "dana", { purpose: "lab", tools: ["lab_note"] });
      expect(await narrow.call("lab_write", { text: "x" })).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "tool_not_granted", ruleIds: ["core:seat"] },
      });
      expect(await narrow.call("lab_note", { text: "x" })).toMatchObject({ outcome: "ok" });
    });

    it.each([
      ["calls", { calls: 2 }, "core:budget.calls"],
      ["cost", { cost: 2 }, "core:budget.cost"],
      ["runtime", { runtimeMs: 5_100 }, "core:budget.runtime"],
    ])("stops at the ceiling of %s", async (_, limits, rule) => {
      const { acme, agent, lab } = world();
      const short = await acme.open(agent, "dana", { purpose: "lab", limits });
      // Time has to pass for the ceiling of time, on a fast machine, too.
      lab.latencyMs = () => 60;
      let outcome = await short.call("lab_note", { text: "1" });
      expect(outcome.outcome).toBe("ok");
      for (let n = 2; outcome.outcome === "ok" && n < 60; n++) {
        outcome = await short.call("lab_note", { text: String(n) });
      }
      lab.latencyMs = () => 0;
      expect(outcome).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "budget_exhausted", policyClass: "budget", ruleIds: [rule] },
      });
    });

    it("admits exactly ten of sixty parallel calls on a budget of ten", async () => {
      const { acme, agent } = world();
      const short = await acme.open(agent, "dana", { purpose: "lab", limits: { calls: 10 } });
      const outcomes = await Promise.all(
        Array.from({ length: 60 }, (_, n) => short.call("lab_note", { text: String(n) })),
      );
      expect(outcomes.filter(({ outcome }) => outcome === "ok")).toHaveLength(10);
      expect(outcomes.filter(({ reason }) => reason?.code === "budget_exhausted")).toHaveLength(50);
      expect((await short.view()).used).toMatchObject({ calls: 10, cost: 10 });
    });
  });

  describe("failed and outcome_unknown", () => {
    const failed = (code: string, kind: string, retryable: boolean, more: object = {}): object => ({
      outcome: "failed",
      call: CALL,
      reason: { kind, code, message: expect.any(String) as unknown, ...more },
      retryable,
    });

    it.each([
      [
        "answers 500",
        "lab_status",
        { code: 500 },
        failed("upstream_error", "upstream", true, { status: 500 }),
      ],
      [
        "answers 404",
        "lab_status",
        { code: 404 },
        failed("upstream_rejected", "upstream", false, { status: 404 }),
      ],
      [
        "redirects",
        "lab_status",
        { code: 302 },
        failed("upstream_rejected", "upstream", false, { status: 302 }),
      ],
      ["hangs", "lab_hang", {}, failed("deadline_exceeded", "timeout", true)],
      ["closes mid-body", "lab_cut", {}, failed("connection_terminated", "network", true)],
      ["is not there", "lab_closed", {}, failed("connection_refused", "network", true)],
      [
        "announces a gigabyte",
        "lab_huge",
        { form: "declared" },
        failed("response_too_large", "upstream", false, { status: 200 }),
      ],
      [
        "sends a gigabyte",
        "lab_huge",
        { form: "chunked" },
        failed("response_too_large", "upstream", false, { status: 200 }),
      ],
      [
        "is not in the connector's list",
        "lab_unlisted",
        {},
        failed("destination_not_found", "network", false),
      ],
      [
        "is asked for an unlisted path",
        "lab_offpath",
        {},
        failed("destination_not_found", "network", false),
      ],
      ["has no connector", "lab_absent", {}, failed("connector_unavailable", "network", true)],
    ])("a read from a service that %s has failed", async (_, tool, args, expected) => {
      expect(await workflow.call(tool, args)).toEqual(expected);
    });

    it.each([
      ["lacks a required field", { other: 1 }],
      ["has a wrong type", { text: 5 }],
      ["is a list", [1, 2]],
      ["is not JSON", "<html>oops</html>"],
      ["repeats a key", '{"text":"a","text":"b"}'],
      ["pollutes a prototype", '{"text":"a","__proto__":{"x":1}}'],
    ])("withholds an answer that %s", async (name, body) => {
      const key = name.replaceAll(" ", "-").toLowerCase();
      world().lab.script(key, body);
      expect(await workflow.call("lab_script", { key })).toMatchObject({
        outcome: "failed",
        reason: { kind: "schema", code: "output_invalid" },
        retryable: false,
      });
    });

    it("names the places of wrong arguments, never their values", async () => {
      const outcome = await workflow.call("lab_note", { text: 5, colour: "canary-colour" });
      expect(outcome).toMatchObject({
        outcome: "failed",
        reason: { kind: "schema", code: "invalid_arguments", at: expect.any(Array) },
        retryable: false,
      });
      expect(outcome.reason?.at?.length).toBeGreaterThan(0);
      expect(JSON.stringify(outcome)).not.toContain("canary-colour");
    });

    it.each([
      ["answers 500", "lab_change_status", { code: 500 }, "upstream_error"],
      ["hangs", "lab_change_hang", {}, "deadline_exceeded"],
      ["closes mid-body", "lab_change_cut", {}, "connection_terminated"],
    ])("a mutation of a service that %s has an unknown outcome", async (_, tool, args, code) => {
      const outcome = await workflow.call(tool, args);
      expect(outcome).toMatchObject({ outcome: "outcome_unknown", reason: { code } });
      const { pathname } = new URL(workflow.url);
      expect(outcome.reconcile).toBe(`${pathname}/calls/${outcome.call}`);
      const answer = await workflow.request("GET", `/calls/${outcome.call}`);
      expect(answer.status).toBe(200);
      const { events } = answer.body as { events: { event: object }[] };
      expect(events.map(({ event }) => event)).toEqual([
        expect.objectContaining({ type: "call.admitted" }),
        expect.objectContaining({
          type: "call.settled",
          outcome: "outcome_unknown",
          code,
          calls: 1,
        }),
      ]);
    });

    it.each([
      ["refused it with a 4xx", "lab_change_status", { code: 409 }, "upstream_rejected"],
      ["was not there", "lab_change_closed", {}, "connection_refused"],
    ])("a mutation has plainly failed where the service %s", async (_, tool, args, code) => {
      expect(await workflow.call(tool, args)).toMatchObject({
        outcome: "failed",
        reason: { code },
      });
    });
  });
}
