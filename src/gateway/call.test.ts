import { describe, expect, it } from "vitest";
import { MAX_REPORTED_TOKENS } from "../core/session/limits.ts";
import { DENY, EDGE, readTool, sha256 } from "../core/testing.ts";
import { soundUsage } from "./call.ts";
import { ANSWER, Bench } from "./testing.ts";

describe("the path of one call", () => {
  it("records the admission before anything leaves, and the end before the result does", async () => {
    const bench = await new Bench().open();
    expect(await bench.call()).toMatchObject({
      outcome: "ok",
      result: { kind: "json", value: { name: "Ada" } },
    });
    expect(bench.log).toEqual(["workflow.opened", "call.admitted", "sent", "call.settled"]);
  });

  it("signs the tuple for the chosen connector session, bound to the admission's hash", async () => {
    const bench = await new Bench().open();
    await bench.call("tickets_open");
    expect(bench.claims).toMatchObject([
      {
        sub: "human-pseudonym",
        act: { sub: "support-agent", sub_profile: "ai_agent" },
        scope: "tool:tickets_open",
        req_wl: "con_1/nonce",
        life: 15,
        tctx: {
          tenant: "acme",
          workflow: "wf_1",
          network: "acme",
          tier: "confidential",
          policy_version: sha256("bundle"),
          mode: "execute",
          preview: null,
          lock_epoch: 0,
        },
      },
    ]);
  });

  it.each([
    ["a denial", (bench: Bench) => (bench.script = () => DENY), "policy_denied"],
    ["a host that cannot vouch for its locks", (bench: Bench) => (bench.locks = null), "failed"],
    ["no connector", (bench: Bench) => (bench.connected = false), "failed"],
    [
      "an admission that cannot be recorded",
      (bench: Bench) => (bench.failCommitOf = "call.admitted"),
      "failed",
    ],
  ])("sends nothing after %s", async (_what, spoil, outcome) => {
    const bench = await new Bench().open();
    spoil(bench);
    expect(await bench.call()).toMatchObject({ outcome });
    expect(bench.sent).toEqual([]);
  });

  it("counts what the agent reports before it decides, so that it stops this very call", async () => {
    const bench = new Bench([readTool({ maxResultBytes: 40 })]);
    bench.bundle = {
      ...bench.bundle,
      trust: [{ ...EDGE, limits: { ...EDGE.limits, tokens: 100 } }],
    };
    await bench.open();
    expect(await bench.call(undefined, undefined, { usage: 90 })).toMatchObject({ outcome: "ok" });
    expect(await bench.call(undefined, undefined, { usage: 5 })).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "budget_exhausted", ruleIds: ["core:budget.tokens"] },
    });
    expect(bench.log).toEqual([
      ...["workflow.opened", "usage.reported", "call.admitted", "sent", "call.settled"],
      ...["usage.reported", "call.refused"],
    ]);
    expect(bench.sent).toHaveLength(1);
  });

  it("sends nothing when what the agent reports cannot be recorded", async () => {
    const bench = await new Bench().open();
    bench.failCommitOf = "usage.reported";
    expect(await bench.call(undefined, undefined, { usage: 1 })).toMatchObject({
      outcome: "failed",
      reason: { code: "audit_unavailable" },
      retryable: true,
    });
    expect(bench.log).toEqual(["workflow.opened"]);
  });

  it("records an unknown tool and sends nothing", async () => {
    const bench = await new Bench().open();
    expect(await bench.call("drop_everything")).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "unknown_tool", ruleIds: ["core:tool"] },
    });
    expect(bench.log).toEqual(["workflow.opened", "call.refused"]);
  });

  it("does not dispatch when the lock epoch moves between commit and dispatch", async () => {
    const bench = await new Bench().open();
    bench.afterCommit = (event) => {
      if (event.type === "call.admitted") bench.locks = { epoch: 1, locks: [], revocations: [] };
    };
    expect(await bench.call()).toMatchObject({
      outcome: "failed",
      reason: { code: "not_dispatched" },
      retryable: true,
    });
    expect(bench.sent).toEqual([]);
  });

  it.each([
    ["the workflow is closed", { type: "close", seat: null }],
    [
      "it steps down to reading",
      { type: "signal", signal: "canary_tool", seat: null, call: null, subject: null },
    ],
  ] as const)("does not dispatch when %s between commit and dispatch", async (_what, command) => {
    const rule = {
      id: "calm",
      signal: "canary_tool",
      count: 1,
      withinMs: 1,
      // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
      then: "read_only",
    } as const;
    const bench = await new Bench(undefined, { containment: [rule] }).open();
    bench.afterCommit = ({ type }) => {
      if (type === "call.admitted") void bench.submit(command);
    };
    expect(await bench.call("tickets_open")).toMatchObject({
      outcome: "failed",
      reason: { code: "not_dispatched" },
    });
    expect(bench.sent).toEqual([]);
  });

  it("does not dispatch where no key may sign its token", async () => {
    const bench = await new Bench().open();
    bench.signs = false;
    expect(await bench.call("tickets_open")).toMatchObject({
      outcome: "failed",
      reason: { code: "not_dispatched" },
    });
    expect(bench.sent).toEqual([]);
  });

  it("withholds the result when a lock comes while the call is out", async () => {
    const bench = await new Bench().open();
    bench.answer = () => {
      const locks = [{ id: "l1", target: "workflow", value: "wf_1" }] as const;
      bench.locks = { epoch: 1, locks, revocations: [] };
      return Promise.resolve(ANSWER);
    };
    const outcome = await bench.call();
    expect(outcome).toMatchObject({ outcome: "policy_denied", reason: { code: "locked" } });
    expect(JSON.stringify(outcome)).not.toContain("Ada");
  });

  it.each([
    ["customers_find", { outcome: "policy_denied", reason: { ruleIds: ["lock:l1"] } }],
    ["tickets_open", { outcome: "ok", result: { kind: "text" } }],
  ])(
    "withholds the result of %s when a lock comes while its end is committed",
    async (tool, end) => {
      const bench = await new Bench().open();
      bench.afterCommit = ({ type }) => {
        const locks = [{ id: "l1", target: "agent", value: "support-agent" }] as const;
        if (type === "call.settled") bench.locks = { epoch: 1, locks, revocations: [] };
      };
      const outcome = await bench.call(tool);
      expect(outcome).toMatchObject(end);
      expect(JSON.stringify(outcome)).not.toContain("Ada");
    },
  );

  it.each([
    ["customers_find", "failed"],
    ["tickets_open", "outcome_unknown"],
  ])("withholds the result of %s when its end cannot be recorded", async (tool, expected) => {
    const bench = await new Bench().open();
    bench.failCommitOf = "call.settled";
    const outcome = await bench.call(tool);
    expect(outcome).toMatchObject({ outcome: expected, reason: { code: "audit_unavailable" } });
    expect(JSON.stringify(outcome)).not.toContain("Ada");
  });

  it.each([
    ["customers_find", "connector_lost", "possible", "failed"],
    ["tickets_open", "connector_lost", "possible", "outcome_unknown"],
    ["tickets_open", "connection_refused", "none", "failed"],
  ] as const)("ends %s after %s with effect %s as %s", async (tool, code, effect, outcome) => {
    const bench = await new Bench().open();
    bench.answer = () => Promise.resolve({ ok: false, code, effect });
    expect(await bench.call(tool)).toMatchObject({ outcome, reason: { code } });
  });

  it.each([
    ["upstream_rejected", 409, "failed"],
    ["upstream_error", 500, "outcome_unknown"],
    ["output_invalid", undefined, "outcome_unknown"],
  ] as const)("ends a mutation whose answer is %s as said", async (code, status, outcome) => {
    const bench = await new Bench().open();
    bench.finished = { ok: false, code, ...(status !== undefined && { status }) };
    expect(await bench.call("tickets_open")).toMatchObject({ outcome, reason: { code } });
  });

  it.each([
    ["customers_find", "failed"],
    ["tickets_open", "outcome_unknown"],
  ])("settles %s also when something of ours throws after admission", async (tool, outcome) => {
    const bench = await new Bench().open();
    bench.answer = () => Promise.reject(new Error("secret-in-message"));
    const ended = await bench.call(tool);
    expect(ended).toMatchObject({ outcome, reason: { code: "internal_error" } });
    expect(JSON.stringify(ended)).not.toContain("secret-in-message");
    expect(bench.log.at(-1)).toBe("call.settled");
  });
});

describe("a report of usage", () => {
  it("is a whole number of tokens, at least one and not beyond the cap", () => {
    for (const sound of [1, 4_096, MAX_REPORTED_TOKENS]) expect(soundUsage(sound)).toBe(true);
    for (const wrong of [0, -1, 1.5, MAX_REPORTED_TOKENS + 1, NaN, Infinity, "1", null, [1], {}]) {
      expect([wrong, soundUsage(wrong)]).toEqual([wrong, false]);
    }
  });
});
