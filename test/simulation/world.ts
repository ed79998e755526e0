import type { BundleView } from "../../src/core/model/bundle.ts";
import type { ArgumentSources, CallCommand, Settlement } from "../../src/core/model/command.ts";
import type { CallAdmitted, Containment, WorkflowEvent } from "../../src/core/model/event.ts";
import type { Lock, LockTable, LockTarget } from "../../src/core/model/lock.ts";
import type { PreviewSeal } from "../../src/core/model/operation.ts";
import type { FailureCode } from "../../src/core/model/outcome.ts";
import { hasEffect } from "../../src/core/model/policy.ts";
import type { WorkflowState } from "../../src/core/session/state.ts";
import { canonical } from "../../src/core/model/json.ts";
import { sha256 } from "../../src/core/testing.ts";
import type { Bug } from "./bugs.ts";
import {
  type Reply,
  type Request,
  settlementOf,
  SimulatedConnector,
  Upstream,
} from "./connector.ts";
import { Disk } from "./disk.ts";
import { type Answer, SimulatedGateway } from "./gateway.ts";
import { SimulatedKeys } from "./keys.ts";
import { holds, SimulatedLocks } from "./locks.ts";
import type { Random } from "./random.ts";
import { simulatedBundle } from "./rules.ts";
import { Watch } from "./watch.ts";

export const TENANTS = ["acme", "globex"] as const;

/** What is on its way between gateway and connectors; it may come late, twice, or never. */
type Message =
  | { readonly to: SimulatedConnector; readonly request: Request }
  | { readonly from: SimulatedConnector; readonly request: Request; readonly reply: Reply };

interface Outstanding {
  readonly tenant: string;
  readonly workflow: string;
  readonly admitted: CallAdmitted;
  /** Null: the one it was admitted for was gone before it left. */
  readonly connector: SimulatedConnector | null;
  readonly since: number;
}

/** Everything around the core: clocks, disk, locks, messages, connectors, and what is watched. */
export class World {
  readonly random: Random;
  readonly disk = new Disk();
  readonly upstream = new Upstream();
  readonly keys = new SimulatedKeys();
  readonly gateway: SimulatedGateway;
  readonly connectors: readonly SimulatedConnector[];
  readonly counts = new Map<string, number>();
  readonly bug: Bug | null;
  /** Monotonic, milliseconds. */
  time = 0;
  /** Between the monotonic clock and the wall clock; jumps. */
  skew = 1_800_000_000_000;
  crashes = 0;
  vouching = true;
  #messages: Message[] = [];
  #outstanding = new Map<string, Outstanding>();
  /** By `txn`: calls that left once more, and the session they are in. */
  #resent = new Map<string, string>();
  /** What a preview showed, by the call that asked: sealed on a disk in a real host. */
  readonly #shown = new Map<string, PreviewSeal>();
  readonly #bundles = new Map<string, BundleView>();
  readonly #locks = new SimulatedLocks();
  readonly #watch: Watch;
  #ids = 0;

  constructor(random: Random, bug: Bug | null) {
    this.random = random;
    this.bug = bug;
    this.#watch = new Watch(this.disk, this.upstream, this.#locks);
    this.connectors = TENANTS.flatMap((tenant) =>
      [1, 2].map((n) => new SimulatedConnector(`${tenant}-con-${n}`, tenant, this.upstream, bug)),
    );
    for (const tenant of TENANTS) {
      this.#bundles.set(tenant, simulatedBundle(tenant));
    }
    this.gateway = new SimulatedGateway({
      disk: this.disk,
      bug,
      now: () => this.now(),
      bundle: (tenant) => this.bundle(tenant),
      locks: (tenant) => (this.vouching ? this.table(tenant) : null),
      contain: (tenant, containment) => this.#contain(tenant, containment),
      recorded: (tenant, event, state) => this.#recorded(tenant, event, state),
      counted: (code) => this.count(code),
    });
    for (const connector of this.connectors) connector.begin(0);
  }

  now(): number {
    return this.time + this.skew;
  }

  id(prefix: string): string {
    return `${prefix}_${++this.#ids}`;
  }

  bundle(tenant: string): BundleView {
    return this.#bundles.get(tenant)!;
  }

  table(tenant: string): LockTable {
    return this.#locks.table(tenant);
  }

  count(code: string): void {
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
  }

  get inTransit(): boolean {
    return this.#messages.length > 0;
  }

  get waiting(): boolean {
    return this.#outstanding.size > 0;
  }

  /** The wall clock is set, forwards or back. */
  jump(ms: number): void {
    this.skew += ms;
  }

  lock(tenant: string, target: LockTarget, value: string): void {
    const lock: Lock = { id: this.id("lock"), target, value };
    this.#locks.add(tenant, lock);
    this.#cut(tenant, lock);
    this.#watch.locked(tenant, this.#statesOf(tenant));
  }

  unlock(tenant: string): void {
    this.#locks.remove(tenant);
  }

  beat(connector: SimulatedConnector): void {
    connector.beat(this.time, this.table(connector.tenant).epoch);
  }

  /** Everything in memory is gone; what was out is found again on the disk. */
  crash(): void {
    this.crashes++;
    this.gateway.crash();
    this.keys.crash();
    this.#outstanding = new Map();
    this.#resent = new Map();
    for (const connector of this.connectors) connector.lose();
    for (const connector of this.connectors) connector.begin(this.time);
    for (const [workflow, entries] of this.disk.workflows) {
      const { tenant } = entries[0]!;
      for (const { call, runtimeMs } of this.gateway.state(tenant, workflow)?.inFlight ?? []) {
        this.#settle(tenant, workflow, call, runtimeMs, {
          kind: "failed",
          code: "interrupted",
          effect: "possible",
        });
      }
    }
  }

  loseConnector(connector: SimulatedConnector): void {
    const session = connector.sessionId;
    connector.lose();
    for (const one of [...this.#outstanding.values()]) {
      if (one.admitted.session === session) this.#move(one, "connector_lost", "possible");
    }
    connector.begin(this.time);
    this.beat(connector);
  }

  /** Another connector of its tenant takes a read, or what provably never began; otherwise it ends here. */
  #move(out: Outstanding, code: FailureCode, effect: "none" | "possible"): void {
    const { tenant, workflow, admitted } = out;
    const { call } = admitted;
    const connector = this.connectors.find((one) => one.tenant === tenant && one.alive);
    if (connector === undefined) return this.#give(out, code, effect);
    const txn = this.id("txn");
    const presenter = { connector: connector.id, session: connector.sessionId };
    // The defect: a lost answer passes for a proof that nothing was done.
    const claimed = this.bug === "moved-write" ? "none" : effect;
    const command = { type: "resend", call, operation: null, txn, presenter } as const;
    this.gateway.submit(tenant, workflow, { ...command, effect: claimed }, (answer) => {
      // Timed out or cut meanwhile: it has its end.
      if (this.#outstanding.get(call) !== out) return;
      const event = answer?.event;
      if (event?.type !== "call.resent") return this.#give(out, code, effect);
      const { session, lockEpoch } = event;
      const moved = { ...admitted, txn, connector: event.connector, session, lockEpoch };
      this.count("moved");
      this.#leave({ ...out, admitted: moved, connector }, connector);
    });
  }

  commit(): void {
    const full = this.random.chance(0.02);
    if (full) this.count("audit_unavailable");
    this.keys.commit(full);
    this.gateway.commit(full);
  }

  /** After its admission is durable: the lock that came meanwhile is looked for once more. */
  dispatch(tenant: string, workflow: string, answer: Answer): void {
    const { event } = answer;
    if (event?.type !== "call.admitted") return;
    const connector = this.connectors.find(({ sessionId }) => sessionId === event.session) ?? null;
    const out = { tenant, workflow, admitted: event, connector, since: this.time };
    if (connector !== null) return this.#leave(out, connector);
    this.#outstanding.set(event.call, out);
    this.#move(out, "not_dispatched", "none");
  }

  #leave(out: Outstanding, to: SimulatedConnector): void {
    const { tenant, workflow, admitted } = out;
    this.#outstanding.set(admitted.call, out);
    if (this.table(tenant).epoch !== admitted.lockEpoch) {
      return this.#give(out, "not_dispatched", "none");
    }
    const state = this.gateway.state(tenant, workflow)!;
    const asked = state.approvals.find((one) => one.id === admitted.approval);
    const seal = asked === undefined ? null : (this.#shown.get(asked.call) ?? null);
    const life = hasEffect(admitted.action) ? 15_000 : 60_000;
    const request = { tenant, workflow, admitted, seal, expires: this.time + life };
    this.#messages.push({ to, request });
    if (this.random.chance(0.05)) this.#messages.push({ to, request });
  }

  /** One message arrives, any of them; some are lost, and some come a second time. */
  deliver(): void {
    const message = this.random.pick(this.#messages);
    const twice = this.random.chance(0.05);
    if (!twice) this.#messages = this.#messages.filter((one) => one !== message);
    if (this.random.chance(0.02)) return;
    if ("to" in message) {
      const reply = message.to.take(message.request, this.time);
      if (reply !== null) this.#reply(message.to, message.request, reply);
    } else {
      this.#arrived(message.request, message.reply);
    }
  }

  work(connector: SimulatedConnector): void {
    const before = this.upstream.effects.length;
    const done = connector.work(this.time, this.random);
    for (const effect of this.upstream.effects.slice(before)) this.#watch.effect(effect);
    if (done !== null) this.#reply(connector, done.request, done.reply);
  }

  /** What nobody answers any more ends by its time; some of the others their agent takes back. */
  timeOut(): void {
    for (const one of [...this.#outstanding.values()]) {
      const late = this.time - one.since >= one.admitted.runtimeMs;
      if (late) this.#give(one, "deadline_exceeded", "possible");
      else if (this.random.chance(0.02)) this.#give(one, "cancelled", "possible");
    }
  }

  /** What the journals of connectors say of calls that nobody knows the end of. */
  reconcile(): void {
    for (const [workflow, entries] of this.disk.workflows) {
      const { tenant } = entries[0]!;
      const unknown = this.gateway.state(tenant, workflow)?.unknown ?? [];
      for (const { call, connector, session, tool } of unknown) {
        const at = this.connectors.find(({ id }) => id === connector)!;
        const finding = at.seen(call, tool);
        if (finding === "started") this.#resend(tenant, workflow, call, at);
        // A session that lives may still be about to begin it.
        if (finding === "started" || session === at.sessionId) continue;
        const command = { type: "reconcile", call, session, finding } as const;
        this.gateway.submit(tenant, workflow, command, () => undefined);
      }
    }
  }

  #resend(tenant: string, workflow: string, call: string, to: SimulatedConnector): void {
    const presenter = { connector: to.id, session: to.sessionId };
    const { admitted: before, operation } = this.#admission(tenant, workflow, call);
    const txn = this.id("txn");
    const resend = { type: "resend", call, operation, txn, presenter, effect: "possible" } as const;
    this.gateway.submit(tenant, workflow, resend, (answer) => {
      const event = answer?.event;
      if (event?.type !== "call.resent" || this.table(tenant).epoch !== event.lockEpoch) return;
      const { connector, session, lockEpoch } = event;
      this.#resent.set(txn, session);
      const admitted = { ...before, txn, connector, session, lockEpoch };
      const request = { tenant, workflow, admitted, seal: null, expires: this.time + 15_000 };
      this.#messages.push({ to, request });
    });
  }

  /** As it is on the disk, with what only its sealed input tells. */
  #admission(
    tenant: string,
    workflow: string,
    call: string,
  ): { readonly admitted: CallAdmitted; readonly operation: string } {
    for (const { stored, input } of this.disk.of(tenant, workflow) ?? []) {
      const admitted = JSON.parse(stored.bytes) as WorkflowEvent;
      if (admitted.type !== "call.admitted" || admitted.call !== call) continue;
      const { command } = JSON.parse(input) as { command: CallCommand };
      const operation = command.shaped?.ok === true ? command.shaped.operation : null;
      return { admitted, operation: operation ?? "" };
    }
    throw new Error("a call of unknown outcome was never admitted");
  }

  settled(): boolean {
    return [...this.disk.workflows].every(
      ([workflow, entries]) => this.gateway.ledger(entries[0]!.tenant, workflow)?.quiet === true,
    );
  }

  sources(): ArgumentSources {
    return {};
  }

  operation(tool: string, target: string): string {
    return sha256(canonical({ tool, target }));
  }

  #reply(from: SimulatedConnector, request: Request, reply: Reply): void {
    this.#messages.push({ from, request, reply });
  }

  #arrived({ tenant, workflow, admitted }: Request, reply: Reply): void {
    const { call, txn } = admitted;
    const session = this.#resent.get(txn);
    if (session !== undefined) {
      this.#resent.delete(txn);
      if (reply.kind !== "answered") return;
      const command = { type: "reconcile", call, session, finding: "committed" } as const;
      this.gateway.submit(tenant, workflow, command, () => undefined);
      return;
    }
    const out = this.#outstanding.get(call);
    // The defect: a host that does not remember what it has settled already.
    if (this.bug !== "settle-twice" && out?.admitted.txn !== txn) return;
    this.#outstanding.delete(call);
    if (reply.kind === "previewed") this.#shown.set(call, reply.seal);
    const spent = 1 + this.random.int(admitted.runtimeMs);
    this.#settle(tenant, workflow, call, spent, settlementOf(reply, this.random));
  }

  #give(out: Outstanding, code: FailureCode, effect: "none" | "possible"): void {
    const { tenant, workflow, admitted } = out;
    this.#outstanding.delete(admitted.call);
    out.connector?.cut(admitted.call);
    const spent = admitted.runtimeMs;
    this.#settle(tenant, workflow, admitted.call, spent, { kind: "failed", code, effect });
  }

  #settle(
    tenant: string,
    workflow: string,
    call: string,
    runtimeMs: number,
    settlement: Settlement,
  ): void {
    if (settlement.kind === "failed") this.count(settlement.code);
    const command = { type: "settle", call, settlement, runtimeMs } as const;
    this.gateway.submit(tenant, workflow, command, (answer) => {
      // Recorded nowhere: the next who loads the workflow finds the call in flight, and settles it.
      if (answer === null) this.#interrupt(tenant, workflow, call, runtimeMs);
    });
  }

  #interrupt(tenant: string, workflow: string, call: string, runtimeMs: number): void {
    const out = this.gateway.state(tenant, workflow)?.inFlight.some((one) => one.call === call);
    if (out !== true) return;
    const settlement = { kind: "failed", code: "interrupted", effect: "possible" } as const;
    this.#settle(tenant, workflow, call, runtimeMs, settlement);
  }

  #contain(tenant: string, { lock }: Containment): void {
    this.count(lock === null ? "contained: read_only" : `contained: ${lock.target}`);
    if (lock !== null) this.lock(tenant, lock.target, lock.value);
  }

  #statesOf(tenant: string): readonly WorkflowState[] {
    return [...this.disk.workflows].flatMap(([workflow, entries]) =>
      entries[0]!.tenant === tenant ? (this.gateway.state(tenant, workflow) ?? []) : [],
    );
  }

  #cut(tenant: string, lock: Lock): void {
    for (const out of [...this.#outstanding.values()]) {
      const state = out.tenant === tenant ? this.gateway.state(tenant, out.workflow) : null;
      if (state === null || !holds(lock, state, out.admitted)) continue;
      this.#give(out, "interrupted", "possible");
    }
  }

  #recorded(tenant: string, event: WorkflowEvent, state: WorkflowState): void {
    this.count(event.type);
    if ("code" in event && event.code !== null) this.count(event.code);
    if (event.type === "signal.raised") this.count(`signal: ${event.signal}`);
    this.#watch.recorded(tenant, event, state, this.vouching);
    this.keys.see(tenant, event);
  }
}
