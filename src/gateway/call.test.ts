import { describe, expect, it } from "vitest";
import { genesis, link, stamp } from "../core/audit/chain.ts";
import type { Command } from "../core/model/command.ts";
import type { WorkflowEvent } from "../core/model/event.ts";
import { canonical } from "../core/model/json.ts";
import type { LockTable } from "../core/model/lock.ts";
import { decide, inputOf } from "../core/session/decide.ts";
import { evolve } from "../core/session/evolve.ts";
import { NEW_WORKFLOW } from "../core/session/state.ts";
import {
  ALLOW,
  bundleOf,
  DENY,
  mac,
  openCommand,
  readTool,
  scripted,
  sha256,
  writeTool,
} from "../core/testing.ts";
import { callTool } from "./call.ts";
import {
  AuditUnavailable,
  type Bundle,
  type Committed,
  type Finished,
  type Gateway,
  type OutboundAnswer,
  type OutboundRequest,
  type ToolRuntime,
} from "./ports.ts";

const CALLER = {
  tenant: "acme",
  workflow: "wf_1",
  seat: "seat_1",
  agent: "support-agent",
  human: "human-pseudonym",
};
const ANSWER: OutboundAnswer = {
  ok: true,
  status: 200,
  contentType: "application/json",
  encoding: "utf8",
  body: '{"name":"Ada"}',
  truncated: false,
};
const FINISHED: Finished = {
  ok: true,
  result: { kind: "json", value: { name: "Ada" } },
  redactions: [],
  counts: [],
  dropped: 0,
  undeclared: 0,
  truncated: false,
  bytes: 14,
};

/** A gateway whose parts are scripted; what left it and what was recorded stand in order in `log`. */
class Bench {
  readonly log: string[] = [];
  readonly sent: OutboundRequest[] = [];
  readonly claims: unknown[] = [];
  locks: LockTable | null = { epoch: 0, locks: [] };
  answer: () => Promise<OutboundAnswer> = () => Promise.resolve(ANSWER);
  finished: Finished = FINISHED;
  failCommitOf: WorkflowEvent["type"] | null = null;
  afterCommit: (event: WorkflowEvent) => void = () => undefined;
  rules = ALLOW;
  connected = true;
  #state = NEW_WORKFLOW;
  #head = genesis(sha256, "acme", "wf_1");

  async open(): Promise<this> {
    await this.#submit(openCommand());
    return this;
  }

  call(tool = "customers_find"): ReturnType<typeof callTool> {
    return callTool(this.#gateway(), CALLER, { tool, arguments: { region: "eu" } });
  }

  async #submit(command: Command): Promise<Committed> {
    const facts = {
      now: 1_800_000_000_000,
      bundle: bundleOf(),
      locks: this.locks,
      evaluator: scripted(() => this.rules),
      mac,
    };
    const decision = decide(this.#state, command, facts, inputOf(command, facts));
    const [body] = decision.events;
    if (body === undefined) return { result: decision.result, event: null, state: this.#state };
    if (body.type === this.failCommitOf) throw new AuditUnavailable("disk full");
    const event = stamp(body, this.#state.next, facts.now, "wf_1");
    this.#head = link(sha256, this.#head, canonical(event));
    this.#state = evolve(this.#state, event);
    await Promise.resolve();
    this.log.push(event.type);
    this.afterCommit(event);
    return { result: decision.result, event: { event, hash: this.#head }, state: this.#state };
  }

  #gateway(): Gateway {
    const view = bundleOf();
    const runtimes = new Map(
      [readTool(), writeTool()].map((tool): [string, ToolRuntime] => [
        tool.id,
        {
          tool,
          title: tool.id,
          description: "",
          network: "acme",
          tier: tool.tier,
          inputSchema: {},
          outputSchema: null,
          shape: (args) => ({ ok: true, args: args as {}, policyArguments: {} }),
          request: () => ({
            operation: {
              http: { method: "GET", destination: "d", path: "/", query: "", contentDigest: null },
            },
            body: null,
            contentType: null,
          }),
          finish: () => this.finished,
        },
      ]),
    );
    const bundle: Bundle = {
      view,
      evaluator: scripted(() => this.rules),
      agents: new Map(),
      tool: (id) => runtimes.get(id),
    };
    const session = {
      state: this.#state,
      keyDigest: "",
      submit: (command: Command) => this.#submit(command),
    };
    let ids = 0;
    return {
      sessions: { find: () => Promise.resolve(session), create: () => session },
      bundles: { active: () => bundle },
      connectors: {
        choose: () => (this.connected ? { connector: "con_1", session: "nonce" } : null),
        send: (_tenant, _presenter, request) => {
          this.log.push("sent");
          this.sent.push(request);
          return this.answer();
        },
      },
      locks: { now: () => this.locks },
      tokens: {
        mint: (_tenant, claims, life) => {
          this.claims.push({ ...claims, life });
          return "token";
        },
      },
      system: { now: () => 0, elapsed: () => 0, id: (prefix) => `${prefix}_${++ids}`, sha256 },
      evidence: {
        events: () => Promise.resolve([]),
        call: () => Promise.resolve([]),
        checkpoint: () => Promise.resolve(null),
      },
      refusals: { exchange: () => Promise.resolve() },
    };
  }
}

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
          policy_version: sha256("bundle"),
          mode: "execute",
          preview: null,
          lock_epoch: 0,
        },
      },
    ]);
  });

  it.each([
    ["a denial", (bench: Bench) => (bench.rules = DENY), "policy_denied"],
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
      if (event.type === "call.admitted") bench.locks = { epoch: 1, locks: [] };
    };
    expect(await bench.call()).toMatchObject({
      outcome: "failed",
      reason: { code: "not_dispatched" },
      retryable: true,
    });
    expect(bench.sent).toEqual([]);
  });

  it("withholds the result when a lock comes while the call is out", async () => {
    const bench = await new Bench().open();
    bench.answer = () => {
      bench.locks = { epoch: 1, locks: [{ id: "l1", target: "workflow", value: "wf_1" }] };
      return Promise.resolve(ANSWER);
    };
    const outcome = await bench.call();
    expect(outcome).toMatchObject({ outcome: "policy_denied", reason: { code: "locked" } });
    expect(JSON.stringify(outcome)).not.toContain("Ada");
  });

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
