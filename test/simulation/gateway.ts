import { genesis, link, stamp } from "../../src/core/audit/chain.ts";
import { restore } from "../../src/core/audit/restore.ts";
import type { BundleView } from "../../src/core/model/bundle.ts";
import type { Command } from "../../src/core/model/command.ts";
import type { Containment, WorkflowEvent } from "../../src/core/model/event.ts";
import { canonical } from "../../src/core/model/json.ts";
import type { LockTable } from "../../src/core/model/lock.ts";
import { decide, inputOf } from "../../src/core/session/decide.ts";
import type { Decision, Result } from "../../src/core/session/decision.ts";
import type { Facts } from "../../src/core/session/facts.ts";
import { NEW_WORKFLOW, type WorkflowState } from "../../src/core/session/state.ts";
import { mac, sha256 } from "../../src/core/testing.ts";
import { type Bug, commandWith, evolveWith, locksWith } from "./bugs.ts";
import type { Disk, Entry } from "./disk.ts";
import { Ledger } from "./ledger.ts";
import { scriptedRules } from "./rules.ts";
import { promise } from "./violation.ts";

export interface Answer {
  readonly result: Result;
  readonly event: WorkflowEvent | null;
  readonly hash: string;
}
/** Null: the commit failed, and nothing of it happened. */
export type Then = (answer: Answer | null) => void;

interface Memory {
  readonly tenant: string;
  state: WorkflowState;
  head: string;
  ledger: Ledger;
}

export interface GatewayHost {
  readonly disk: Disk;
  readonly bug: Bug | null;
  now(): number;
  bundle(tenant: string): BundleView;
  locks(tenant: string): LockTable | null;
  contain(tenant: string, containment: Containment): void;
  /** Each event as it is decided, durable or not. */
  recorded(tenant: string, event: WorkflowEvent, state: WorkflowState): void;
  counted(code: string): void;
}

/** The simulated host around the real core: memory, one batch a turn, crashes that take both. */
export class SimulatedGateway {
  readonly #host: GatewayHost;
  #memory = new Map<string, Memory>();
  #batch: Entry[] = [];
  #waiting: (() => void)[] = [];
  #failed: (() => void)[] = [];

  constructor(host: GatewayHost) {
    this.#host = host;
  }

  state(tenant: string, workflow: string): WorkflowState | null {
    return this.#load(tenant, workflow)?.state ?? null;
  }

  ledger(tenant: string, workflow: string): Ledger | null {
    return this.#load(tenant, workflow)?.ledger ?? null;
  }

  /** False: there is no such workflow in this tenant, and nothing at all happened (P7). */
  submit(tenant: string, workflow: string, command: Command, then: Then): boolean {
    const memory = this.#load(tenant, workflow) ?? this.#created(tenant, workflow, command);
    if (memory === null) return false;
    const answer = this.#decide(memory, workflow, command);
    if (answer.event === null && this.#batch.length === 0) {
      then(answer);
      return true;
    }
    this.#waiting.push(() => then(answer));
    this.#failed.push(() => then(null));
    return true;
  }

  get pending(): number {
    return this.#waiting.length;
  }

  /** The disk takes the batch whole, or not at all. */
  commit(full: boolean): void {
    const [batch, waiting, failed] = [this.#batch, this.#waiting, this.#failed];
    this.#batch = [];
    this.#waiting = [];
    this.#failed = [];
    if (full) {
      for (const { workflow } of batch) this.#memory.delete(workflow);
      for (const tell of failed) tell();
      return;
    }
    this.#host.disk.append(batch);
    for (const tell of waiting) tell();
  }

  /** Nobody is told anything. */
  crash(): void {
    this.#memory = new Map();
    this.#batch = [];
    this.#waiting = [];
    this.#failed = [];
  }

  #decide(memory: Memory, workflow: string, command: Command): Answer {
    const { tenant } = memory;
    const facts = this.#facts(tenant);
    const spoiled = commandWith(this.#host.bug, memory.state, command);
    const shown = command.type === "decideApproval" ? command.digest : null;
    const decision = decide(memory.state, spoiled, facts, inputOf(spoiled, facts));
    const answer = this.#record(memory, workflow, spoiled, decision, facts);
    if (answer.event?.type === "approval.decided" && shown !== null) {
      const asked = memory.ledger.digestOf(answer.event.approval);
      promise("P5", asked === shown, () => "what was decided is not what the human saw");
    }
    for (const signal of decision.signals ?? []) {
      const next = decide(memory.state, signal, facts, inputOf(signal, facts));
      this.#record(memory, workflow, signal, next, facts);
    }
    return answer;
  }

  #record(
    memory: Memory,
    workflow: string,
    command: Command,
    decision: Decision,
    facts: Facts,
  ): Answer {
    const { result } = decision;
    if ("code" in result && result.code !== null) this.#host.counted(result.code);
    if (result.kind === "conflict") this.#host.counted("idempotency_conflict");
    promise("core", decision.events.length <= 1, () => "a decision of two events");
    const [body] = decision.events;
    if (body === undefined) return { result, event: null, hash: "" };
    const event = stamp(body, memory.state.next, facts.now, workflow);
    const bytes = canonical(event);
    const hash = link(sha256, memory.head, bytes);
    memory.state = evolveWith(this.#host.bug)(memory.state, event);
    memory.head = hash;
    memory.ledger.apply(event, memory.state);
    const stored = { seq: event.seq, bytes, hash };
    const { tenant } = memory;
    this.#batch.push({ tenant, workflow, stored, input: inputOf(command, facts) });
    this.#host.recorded(tenant, event, memory.state);
    if (event.type === "signal.raised" && event.containment !== null) {
      this.#host.contain(tenant, event.containment);
    }
    return { result, event, hash };
  }

  #facts(tenant: string): Facts {
    const { bug, now, bundle, locks } = this.#host;
    return {
      now: now(),
      bundle: bundle(tenant),
      locks: locksWith(bug, locks(tenant)),
      evaluator: scriptedRules,
      hash: sha256,
      mac,
    };
  }

  #load(tenant: string, workflow: string): Memory | null {
    const known = this.#memory.get(workflow);
    if (known !== undefined) return known.tenant === tenant ? known : null;
    const entries = this.#host.disk.of(tenant, workflow);
    if (entries === null) return null;
    const ledger = new Ledger();
    const rows = entries.map(({ stored }) => stored);
    const restored = restore(sha256, tenant, workflow, rows);
    promise("P9", restored.ok, () => JSON.stringify(restored));
    if (!restored.ok) return null;
    let state = NEW_WORKFLOW;
    for (const { bytes } of rows) {
      const event = JSON.parse(bytes) as WorkflowEvent;
      state = evolveWith(this.#host.bug)(state, event);
      ledger.apply(event, state);
    }
    const memory = { tenant, state, head: restored.head, ledger };
    this.#memory.set(workflow, memory);
    return memory;
  }

  #created(tenant: string, workflow: string, command: Command): Memory | null {
    if (command.type !== "open" || this.#memory.has(workflow)) return null;
    if (this.#host.disk.workflows.has(workflow)) return null;
    const head = genesis(sha256, tenant, workflow);
    const memory = { tenant, state: NEW_WORKFLOW, head, ledger: new Ledger() };
    this.#memory.set(workflow, memory);
    return memory;
  }
}
