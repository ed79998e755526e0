import { createHash, createHmac } from "node:crypto";
import { type ChainedEvent, genesis, link, stamp } from "./audit/chain.ts";
import type { BundleView, Tool, TrustEdge } from "./model/bundle.ts";
import type { CallCommand, Command, OpenCommand, SettleCommand } from "./model/command.ts";
import type { WorkflowEvent } from "./model/event.ts";
import { canonical } from "./model/json.ts";
import type { Lock, LockTable } from "./model/lock.ts";
import type { Answer, Evaluator, Question } from "./model/policy.ts";
import { decide, inputOf } from "./session/decide.ts";
import type { Decision } from "./session/decision.ts";
import { evolve } from "./session/evolve.ts";
import type { Facts } from "./session/facts.ts";
import { NEW_WORKFLOW, type WorkflowState } from "./session/state.ts";

/** A session without a host, for tests: scripted rules, a clock that stands still, a record in memory. */

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
export const mac = (text: string): string =>
  createHmac("sha256", "a key for tests").update(text).digest("hex");

export const ALLOW: Answer = { decision: "allow", ruleIds: ["permit-all"], errors: [] };
export const DENY: Answer = { decision: "deny", ruleIds: ["forbid-it"], errors: [] };
/** Cedar's default: nothing allowed it, nothing forbade it. */
export const SILENT: Answer = { decision: "deny", ruleIds: [], errors: [] };

export type Script = (question: Question) => Answer;

export function scripted(script: Script): Evaluator {
  return { evaluate: script };
}

export function readTool(more: Partial<Tool> = {}): Tool {
  return {
    id: "customers_find",
    definition: sha256("customers_find"),
    destination: "billing",
    action: "read",
    tier: "confidential",
    dataClasses: ["customer.contact", "customer.id"],
    labels: ["pii"],
    policyArguments: ["region"],
    cost: 10,
    timeoutMs: 1_000,
    maxResultBytes: 1_000_000,
    ...more,
  };
}

export function writeTool(more: Partial<Tool> = {}): Tool {
  return readTool({
    id: "tickets_open",
    definition: sha256("tickets_open"),
    destination: "tickets",
    action: "mutate",
    tier: "internal",
    writeDomain: "tickets",
    dataClasses: ["ticket"],
    labels: [],
    ...more,
  });
}

export const EDGE: TrustEdge = {
  id: "support",
  claims: { groups: ["support"] },
  agents: ["support-agent"],
  purposes: ["support-case"],
  tools: ["*"],
  limits: { calls: 50, cost: 1_000, runtimeMs: 60_000 },
  maxLifeMs: 3_600_000,
};

export function bundleOf(
  tools: readonly Tool[] = [readTool(), writeTool()],
  trust: readonly TrustEdge[] = [EDGE],
  digest = sha256("bundle"),
): BundleView {
  const byId = new Map(tools.map((tool) => [tool.id, tool]));
  return { digest, tool: (id) => byId.get(id), toolIds: [...byId.keys()].sort(), trust };
}

export function openCommand(more: Partial<OpenCommand> = {}): OpenCommand {
  return {
    type: "open",
    tenant: "acme",
    workflow: "wf_1",
    seat: "seat_1",
    human: "human-pseudonym",
    claims: { groups: ["staff", "support"] },
    agent: "support-agent",
    jkt: "thumbprint",
    purpose: "support-case",
    inputs: { case: "4711" },
    keyDigest: sha256("data key"),
    ...more,
  };
}

export function callCommand(call: string, more: Partial<CallCommand> = {}): CallCommand {
  return {
    type: "call",
    call,
    txn: `txn_${call}`,
    seat: "seat_1",
    tool: "customers_find",
    arguments: { region: "eu" },
    shaped: { ok: true, policyArguments: { region: "eu" } },
    presenter: { connector: "con_1", session: "session_1" },
    ...more,
  };
}

export function answered(call: string, more: Partial<SettleCommand> = {}): SettleCommand {
  return {
    type: "settle",
    call,
    settlement: {
      kind: "answered",
      redactions: [],
      dropped: 0,
      undeclared: 0,
      truncated: false,
      bytes: 120,
    },
    runtimeMs: 40,
    ...more,
  };
}

export function failing(
  call: string,
  code: Extract<SettleCommand["settlement"], { kind: "failed" }>["code"],
  effect: "none" | "possible",
): SettleCommand {
  return { type: "settle", call, settlement: { kind: "failed", code, effect }, runtimeMs: 40 };
}

export class World {
  now = 1_800_000_000_000;
  bundle: BundleView = bundleOf();
  script: Script = () => ALLOW;
  locks: LockTable | null = { epoch: 1, locks: [] };
  state: WorkflowState = NEW_WORKFLOW;
  head: string = genesis(sha256, "acme", "wf_1");
  readonly events: WorkflowEvent[] = [];
  readonly stored: ChainedEvent[] = [];
  readonly inputs = new Map<number, string | null>();

  get facts(): Facts {
    const { now, bundle, locks, script } = this;
    return { now, bundle, locks, evaluator: scripted(script), mac };
  }

  decide(command: Command): Decision {
    return decide(this.state, command, this.facts, inputOf(command, this.facts));
  }

  submit(command: Command): Decision {
    const decision = this.decide(command);
    for (const body of decision.events) {
      const event = stamp(body, this.state.next, this.now, "wf_1");
      const bytes = canonical(event);
      this.head = link(sha256, this.head, bytes);
      this.stored.push({ seq: event.seq, bytes, hash: this.head });
      this.inputs.set(event.seq, inputOf(command, this.facts));
      this.events.push(event);
      this.state = evolve(this.state, event);
    }
    return decision;
  }

  lock(...locks: Lock[]): void {
    this.locks = { epoch: (this.locks?.epoch ?? 0) + 1, locks };
  }
}

export function openWorld(more: Partial<OpenCommand> = {}): World {
  const world = new World();
  world.submit(openCommand(more));
  return world;
}
