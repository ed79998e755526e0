import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import type { Answer } from "../support/http.ts";
import { ERAS, mcpClient, outcomeOf } from "../support/mcp.ts";
import { postern, ROOT, Running } from "../support/process.ts";
import { profileFile } from "../support/profile.ts";
import type { OAuthRefusal, Wish } from "../support/tenant.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** What a call of a tool reserves, as its description in the bundle says. */
function reserves(tool: string, counter: "timeoutMs" | "maxResultBytes"): number {
  const text = readFileSync(join(ROOT, `test/acceptance/bundle/tools/${tool}.jsonc`), "utf8");
  const [, digits] = new RegExp(`"${counter}": (\\d+)`).exec(text) ?? [];
  return Number(digits);
}

/** The same for each tool that these cases call. */
const RESULT_TOKENS = reserves("lab_note", "maxResultBytes") / 4;
const USAGE = "dev.postern/usage";

/** Budgets are never overspent (P3): reserve, then settle; what agents report stops the next call. */
export function budgetCases(world: () => World): void {
  const open = (limits: NonNullable<Wish["limits"]>): Promise<Workflow> =>
    world().acme.open(world().agent, "dana", { purpose: "lab", limits });
  const note = (workflow: Workflow, text = "x"): Promise<Outcome> =>
    workflow.call("lab_note", { text });

  function expectSpent(outcome: Outcome, counter: string): void {
    expect(outcome).toMatchObject({
      outcome: "policy_denied",
      reason: {
        code: "budget_exhausted",
        policyClass: "budget",
        ruleIds: [`core:budget.${counter}`],
      },
    });
  }

  describe("a budget of tokens", () => {
    const limits = { tokens: RESULT_TOKENS + 10_000 };

    it("is stopped by what the agent reports, from the next call on, and says what was used", async () => {
      const workflow = await open(limits);
      expect((await note(workflow)).outcome).toBe("ok");
      const { used } = await workflow.view();
      const report = await workflow.request("POST", "/usage", { tokens: 10_000 - used.tokens });
      expect([report.status, report.body]).toEqual([200, { seq: 3 }]);
      expect((await note(workflow)).outcome).toBe("ok");
      expect((await workflow.request("POST", "/usage", { tokens: 1 })).status).toBe(200);
      expectSpent(await note(workflow), "tokens");
      // Never refused for the ceiling: what was used was used.
      expect((await workflow.request("POST", "/usage", { tokens: 1_000_000 })).status).toBe(200);
      const view = await workflow.view();
      expect(view.limits.tokens).toBe(limits.tokens);
      expect(view.used.tokens).toBeGreaterThan(1_000_000);
      const reported = (await workflow.events()).filter(
        ({ event }) => event.type === "usage.reported",
      );
      expect(reported.map(({ event }) => event["chain"])).toEqual(
        reported.map(() => ["support-agent"]),
      );
    });

    it("is metered by what tools really answered, and holds the most they could meanwhile", async () => {
      const { lab } = world();
      const workflow = await open(limits);
      const waiting = workflow.call("lab_gate", { key: "metered" });
      await lab.waiting("metered");
      expect((await workflow.view()).used.tokens).toBe(RESULT_TOKENS);
      expectSpent(await note(workflow), "tokens");
      lab.open("metered");
      const { call } = await waiting;
      const settled = (await workflow.eventsOf(call)).at(-1);
      const bytes = Number(settled?.["bytes"]);
      expect(bytes).toBeGreaterThan(0);
      expect(settled?.["tokens"]).toBe(Math.ceil(bytes / 4));
      expect((await workflow.view()).used.tokens).toBe(Math.ceil(bytes / 4));
      expect((await note(workflow, "y".repeat(2_000))).outcome).toBe("ok");
      expect((await workflow.view()).used.tokens).toBeGreaterThan(500);
    });

    it("takes no report that is none", async () => {
      const workflow = await open({});
      const report = (body: unknown): Promise<Answer> => workflow.request("POST", "/usage", body);
      for (const wrong of [
        ...[{}, [], 7, { tokens: 0 }, { tokens: -1 }, { tokens: 1.5 }, { tokens: "1" }],
        ...[{ tokens: 1e10 }, { tokens: 1, seat: "seat_1" }],
      ]) {
        const { status, body } = await report(wrong);
        expect([wrong, status, body]).toMatchObject([wrong, 400, { code: "invalid_request" }]);
      }
      expect((await workflow.view()).used.tokens).toBe(0);
      expect((await workflow.request("POST", "/close")).status).toBe(200);
      expect((await report({ tokens: 1 })).status).toBe(409);
    });
  });

  describe.each(ERAS)("an MCP client of %s", (version, mode) => {
    const call = (client: Client, usage: unknown) =>
      client.callTool({ name: "lab_note", arguments: { text: "x" }, _meta: { [USAGE]: usage } });

    it("reports with a call, which is stopped by it already", async () => {
      const workflow = await open({ tokens: RESULT_TOKENS + 10_000 });
      const client = await mcpClient(workflow, mode);
      expect(outcomeOf(await call(client, { tokens: 9_000 })).outcome).toBe("ok");
      expectSpent(outcomeOf(await call(client, { tokens: 9_000 })), "tokens");
      const types = (await workflow.events()).map(({ event }) => event.type);
      expect(types.slice(1)).toEqual([
        ...["usage.reported", "call.admitted", "call.settled"],
        ...["usage.reported", "call.refused"],
      ]);
      for (const wrong of [{ tokens: 0 }, { tokens: "many" }, 9_000, { tokens: 1, more: 1 }]) {
        await expect(call(client, wrong)).rejects.toMatchObject({ code: -32602 });
      }
      expect(await workflow.events()).toHaveLength(types.length);
      await client.close();
    });

    it("reports through `postern connect`, too", async () => {
      const profile = await profileFile(world(), `usage-${version}`);
      const connect = new Running(
        `connect-usage-${version}`,
        postern("connect", "--profile", profile, "--http", "0"),
      );
      const { url, workflow } = await connect.ready();
      const client = new Client({ name: "stock", version: "1" }, { versionNegotiation: { mode } });
      await client.connect(new StreamableHTTPClientTransport(new URL(String(url))));
      expect(outcomeOf(await call(client, { tokens: 77 })).outcome).toBe("ok");
      await expect(call(client, { tokens: 0 })).rejects.toMatchObject({ code: -32602 });
      await client.close();
      expect(await connect.stop()).toBe(0);
      const { stdout } = await world().host.events(String(workflow));
      const events = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as StoredLine);
      expect(events.map(({ event }) => event.type)).toEqual([
        ...["workflow.opened", "usage.reported", "call.admitted", "call.settled"],
        "workflow.closed",
      ]);
      expect(events[1]?.event).toMatchObject({ tokens: 77 });
    });
  });

  describe("a cap on one tool", () => {
    it("stops this tool, at the cap and not before, and no other", async () => {
      const workflow = await open({ tools: { lab_note: 2, lab_status: 0 } });
      expect((await note(workflow)).outcome).toBe("ok");
      expect((await note(workflow)).outcome).toBe("ok");
      expectSpent(await note(workflow), "tool");
      expectSpent(await workflow.call("lab_status", { code: 200 }), "tool");
      expect((await workflow.call("lab_safe", { text: "x" })).outcome).toBe("ok");
      const { limits, used } = await workflow.view();
      expect(limits.tools).toEqual({ lab_note: 2, lab_status: 0 });
      expect(used.tools).toEqual({ lab_note: 2, lab_safe: 1 });
    });
  });

  describe("a budget of time", () => {
    it("holds what each call may take while it is out, and charges what it took", async () => {
      const { lab } = world();
      const most = 2 * reserves("lab_gate", "timeoutMs");
      const workflow = await open({ runtimeMs: most });
      const calls = ["time-1", "time-2"].map((key) => workflow.call("lab_gate", { key }));
      await Promise.all([lab.waiting("time-1"), lab.waiting("time-2")]);
      expect((await workflow.view()).used.runtimeMs).toBe(most);
      expectSpent(await note(workflow), "runtime");
      lab.open("time-1");
      lab.open("time-2");
      for (const call of calls) expect((await call).outcome).toBe("ok");
      const settled = (await workflow.events()).filter(
        ({ event }) => event.type === "call.settled",
      );
      const spent = settled.reduce((sum, { event }) => sum + Number(event["runtimeMs"]), 0);
      expect((await workflow.view()).used.runtimeMs).toBe(spent);
      expect(spent).toBeLessThan(most);
    });
  });

  describe("a budget policy", () => {
    it("sees the counters as they are with the call, also of many at once", async () => {
      const { acme, agent } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "counted" });
      const outcomes = await Promise.all(Array.from({ length: 12 }, () => note(workflow)));
      const codes = outcomes.map(({ outcome, reason }) => reason?.ruleIds?.join() ?? outcome);
      expect(codes.filter((code) => code === "ok")).toHaveLength(3);
      expect(codes.filter((code) => code === "three-are-enough")).toHaveLength(9);
      expect((await workflow.view()).used.calls).toBe(3);
    });
  });

  describe("limits that are asked for", () => {
    const ask = async (limits: object): Promise<Answer> => {
      const { globex, stranger } = world();
      const wish = { purpose: "few", limits: limits as NonNullable<Wish["limits"]> };
      return globex.redeem(stranger, await globex.signIn(`quin-${++asked}`), wish);
    };
    let asked = 0;

    it("only shrink what trust gives", async () => {
      const { globex, stranger } = world();
      const opened = await globex.open(stranger, "rosa", {
        purpose: "few",
        limits: { calls: 500, tokens: 50_000_000, tools: { lab_note: 50, lab_safe: 1 } },
      });
      expect((await opened.view()).limits).toEqual({
        ...{ calls: 100, cost: 100_000, runtimeMs: 1_000_000, tokens: 5_000_000 },
        tools: { lab_note: 5, lab_safe: 1 },
      });
      const less = await globex.open(stranger, "rosa", { purpose: "few", limits: { tokens: 9 } });
      expect((await less.view()).limits).toMatchObject({ tokens: 9, tools: { lab_note: 5 } });
    });

    it("are whole numbers, and caps of tools that were given", async () => {
      for (const wrong of [
        ...[{ tokens: -1 }, { tokens: 0.5 }, { tokens: "9" }, { tools: [] }, { seats: 1 }],
        ...[{ tools: { "Lab Note": 1 } }, { tools: { lab_note: -1 } }, { tools: { lab_note: {} } }],
        { tools: Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`t${n}`, 1])) },
      ]) {
        const { status, body } = await ask(wrong);
        expect([status, (body as OAuthRefusal).error]).toEqual([
          ...[400, "invalid_authorization_details"],
        ]);
      }
      for (const tool of ["lab_nte", "lab_gate", "constructor"]) {
        const { status, body } = await ask({ tools: { [tool]: 1 } });
        expect([status, body]).toMatchObject([
          400,
          {
            error: "access_denied",
            outcome: { reason: { ruleIds: ["core:limits", "trust:few"] } },
          },
        ]);
      }
      expect((await ask({ tools: { lab_note: 1 } })).status).toBe(200);
    });
  });
}

interface StoredLine {
  readonly event: { readonly type: string } & { readonly [field: string]: unknown };
}
