import { createHash, createHmac } from "node:crypto";
import { type ChainedEvent, genesis, link, stamp } from "./audit/chain.ts";
import type {
  ApprovalKind,
  BundleView,
  DelegationEdge,
  Limits,
  Tool,
  TrustEdge,
} from "./model/bundle.ts";
import type {
  CallCommand,
  Command,
  DecideApprovalCommand,
  OpenCommand,
  SeatCommand,
  SettleCommand,
  Shaped,
} from "./model/command.ts";
import type { WorkflowEvent } from "./model/event.ts";
import { canonical } from "./model/json.ts";
import { type Lock, type LockTable, REVOKING_TARGETS, type Revocation } from "./model/lock.ts";
import type { Answer, AuthorityQuestion, Evaluator, Question } from "./model/policy.ts";
import { decide, inputOf } from "./session/decide.ts";
import type { Decision } from "./session/decision.ts";
import { evolve } from "./session/evolve.ts";
import type { Facts } from "./session/facts.ts";
import { type Approval, NEW_WORKFLOW, type WorkflowState } from "./session/state.ts";

/** A session without a host, for tests: scripted rules, a clock that stands still, a record in memory. */

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
export const mac = (text: string): string =>
  createHmac("sha256", "a key for tests").update(text).digest("hex");

export const ALLOW: Answer = { decision: "allow", ruleIds: ["permit-all"], errors: [] };
export const DENY: Answer = { decision: "deny", ruleIds: ["forbid-it"], errors: [] };
/** Cedar's default: nothing allowed it, nothing forbade it. */
export const SILENT: Answer = { decision: "deny", ruleIds: [], errors: [] };

export type Script = (question: Question) => Answer;
export type Authority = (question: AuthorityQuestion) => Answer;

/** Actions with an effect are allowed once each of these kinds of approval is given. */
export function needing(...kinds: readonly string[]): Script {
  return ({ action, context }) => {
    const given = context["approvals"] as readonly string[];
    const effect = action === "mutate" || action === "execute";
    return effect && !kinds.every((kind) => given.includes(kind)) ? DENY : ALLOW;
  };
}

export function scripted(script: Script, authority: Authority = () => ALLOW): Evaluator {
  return { evaluate: script, authorize: authority };
}

export function readTool(more: Partial<Tool> = {}): Tool {
  return {
    id: "customers_find",
    definition: sha256("customers_find"),
    destination: "billing",
    place: { network: "acme", tier: "confidential" },
    action: "read",
    tier: "confidential",
    dataClasses: ["customer.contact", "customer.id"],
    labels: ["pii"],
    policyArguments: ["region"],
    sourceArguments: [],
    trusted: true,
    agent: null,
    reviewed: true,
    canary: false,
    critical: false,
    resendMs: null,
    preview: null,
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
    place: { network: "acme", tier: "confidential" },
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
  maxLive: 10,
};

export function bundleOf(
  tools: readonly Tool[] = [readTool(), writeTool()],
  trust: readonly TrustEdge[] = [EDGE],
  digest = sha256("bundle"),
  more: Partial<BundleView> = {},
): BundleView {
  const byId = new Map(tools.map((tool) => [tool.id, tool]));
  return {
    digest,
    tool: (id) => byId.get(id),
    toolIds: [...byId.keys()].sort(),
    agents: ["support-agent", "helper-agent"],
    trust,
    delegations: [],
    approvalKinds: [],
    containment: [],
    ...more,
  };
}

export function approvalKind(id: string, more: Partial<ApprovalKind> = {}): ApprovalKind {
  return { id, title: id, lifeMs: 600_000, selfApproval: false, ...more };
}

export const DOWN: DelegationEdge = {
  id: "down",
  from: ["support-agent"],
  to: ["helper-agent"],
  tools: ["*"],
  limits: {},
  maxLifeMs: 600_000,
};

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
    key: "own",
    purpose: "support-case",
    inputs: { case: "4711" },
    keyDigest: sha256("data key"),
    live: 0,
    ...more,
  };
}

export function fitting(more: Partial<Extract<Shaped, { ok: true }>> = {}): Shaped {
  return {
    ok: true,
    policyArguments: { region: "eu" },
    operation: sha256("operation"),
    target: '{"region":"eu"}',
    sources: {},
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
    shaped: fitting(),
    presenter: { connector: "con_1", session: "session_1" },
    approval: `apr_${call}`,
    idempotencyKey: null,
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
      canaries: 0,
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

export function previewed(
  call: string,
  { changes = "change", classes = ["ticket"] }: { changes?: string; classes?: string[] } = {},
): SettleCommand {
  const seal = { changes: sha256(changes), etag: '"v1"', salt: "5a".repeat(16) };
  return {
    type: "settle",
    call,
    settlement: { kind: "previewed", seal, classes },
    runtimeMs: 4,
  };
}

export function seatCommand(seat: string, more: Partial<SeatCommand> = {}): SeatCommand {
  return {
    type: "seat",
    parent: "seat_1",
    seat,
    agent: "helper-agent",
    jkt: "another thumbprint",
    key: "own",
    call: null,
    ...more,
  };
}

/** By a human who is neither the requester nor anybody else of these tests. */
export function approve(
  { id, kinds, digest }: Approval,
  more: Partial<DecideApprovalCommand> = {},
): DecideApprovalCommand {
  const kind = more.kind ?? kinds[0]!;
  return {
    type: "decideApproval",
    ...{ approval: id, kind, verdict: "approve", human: `human of ${kind}` },
    ...{ groups: ["finance"], digest, ...more },
  };
}

export class World {
  now = 1_800_000_000_000;
  bundle: BundleView = bundleOf();
  script: Script = () => ALLOW;
  authority: Authority = () => ALLOW;
  locks: LockTable | null = { epoch: 1, locks: [], revocations: [] };
  state: WorkflowState = NEW_WORKFLOW;
  head: string = genesis(sha256, "acme", "wf_1");
  readonly events: WorkflowEvent[] = [];
  readonly stored: ChainedEvent[] = [];
  readonly inputs = new Map<number, string | null>();

  get facts(): Facts {
    const { now, bundle, locks, script, authority } = this;
    return { now, bundle, locks, evaluator: scripted(script, authority), hash: sha256, mac };
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
    for (const signal of decision.signals ?? []) this.submit(signal);
    return decision;
  }

  lock(...locks: Lock[]): void {
    const { epoch = 0, revocations = [] } = this.locks ?? {};
    this.locks = { epoch: epoch + 1, locks, revocations };
  }

  /** All of them, as a host does it: what they revoked stays revoked. */
  unlock(): void {
    const { epoch = 0, locks = [], revocations = [] } = this.locks ?? {};
    const gone = locks.flatMap(({ id, target, value }): readonly Revocation[] => {
      const revoking = REVOKING_TARGETS.find((one) => one === target);
      return revoking === undefined ? [] : [{ id, target: revoking, value, epoch: epoch + 1 }];
    });
    this.locks = { epoch: epoch + 1, locks: [], revocations: [...revocations, ...gone] };
  }
}

/** Opened under this bundle, with more than enough of everything unless told otherwise. */
export function worldOf(
  tools: readonly Tool[],
  more: Partial<BundleView> = {},
  limits: Partial<Limits> = {},
): World {
  const world = new World();
  const plenty = { calls: 10_000, cost: 1e9, runtimeMs: 1e9, ...limits };
  world.bundle = bundleOf(tools, [{ ...EDGE, limits: plenty }], undefined, more);
  world.submit(openCommand());
  return world;
}

export function openWorld(more: Partial<OpenCommand> = {}): World {
  const world = new World();
  world.submit(openCommand(more));
  return world;
}
