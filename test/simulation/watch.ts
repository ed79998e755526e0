import type { CallAdmitted, WorkflowEvent } from "../../src/core/model/event.ts";
import { findCall, type WorkflowState } from "../../src/core/session/state.ts";
import { hasEffect } from "../../src/core/model/policy.ts";
import { LEASE_MS, type Upstream } from "./connector.ts";
import type { Disk } from "./disk.ts";
import { holds, type SimulatedLocks } from "./locks.ts";
import { promise } from "./violation.ts";

/** What no ledger of one workflow can see: locks, tenants, and what reaches the private service. */
export class Watch {
  readonly #disk: Disk;
  readonly #upstream: Upstream;
  readonly #locks: SimulatedLocks;
  /** Seats that a revoking lock has met, with that lock. */
  readonly #dead = new Map<string, string>();
  /** Calls that their agent took back. */
  readonly #cancelled = new Set<string>();

  constructor(disk: Disk, upstream: Upstream, locks: SimulatedLocks) {
    this.#disk = disk;
    this.#upstream = upstream;
    this.#locks = locks;
  }

  /** P4: whoever was let in before a revoking lock stays out for good. */
  locked(tenant: string, states: readonly WorkflowState[]): void {
    const { locks } = this.#locks.table(tenant);
    for (const { seats, human, workflow } of states) {
      for (const { id, agent, jkt } of Object.values(seats)) {
        const values: { readonly [target: string]: string } = {
          ...{ tenant, human, agent, key: jkt, workflow },
        };
        const lock = locks.find(({ target, value }) => values[target] === value);
        if (lock !== undefined) this.#dead.set(id, lock.id);
      }
    }
  }

  recorded(tenant: string, event: WorkflowEvent, state: WorkflowState, vouching: boolean): void {
    promise("P7", state.tenant === tenant, () => "an event of another tenant");
    if (event.type === "call.admitted") this.#admission(tenant, event, state, vouching);
    if (event.type === "call.settled") {
      this.#release(tenant, event, state);
      if (event.code === "cancelled") this.#cancelled.add(event.call);
    }
    if (event.type === "call.resent") this.#again(tenant, event, state, vouching);
  }

  #admission(tenant: string, event: CallAdmitted, state: WorkflowState, vouching: boolean): void {
    promise("P4", vouching, () => "admitted while nobody vouches for the locks");
    const lock = this.#locks.table(tenant).locks.find((one) => holds(one, state, event));
    promise("P4", lock === undefined, () => `admitted under a lock on ${lock?.target}`);
    const dead = this.#dead.get(event.seat);
    promise("P4", dead === undefined, () => `a seat that ${dead} revoked came back`);
  }

  /** A call that leaves once more may have its effect only now. */
  #again(
    tenant: string,
    event: Extract<WorkflowEvent, { type: "call.resent" }>,
    state: WorkflowState,
    vouching: boolean,
  ): void {
    promise("I7", !this.#cancelled.has(event.call), () => "sent again after it was taken back");
    promise("P4", vouching, () => "sent again while nobody vouches for the locks");
    // Where it is now: under a lock on the connector that it left it may go on.
    const call = findCall([...state.inFlight, ...state.unknown], event.call)!;
    const lock = this.#locks.table(tenant).locks.find((one) => holds(one, state, call));
    promise("P4", lock === undefined, () => `sent again under a lock on ${lock?.target}`);
    const dead = this.#dead.get(call.seat);
    promise("P4", dead === undefined, () => `sent again for a seat that ${dead} revoked`);
  }

  #release(
    tenant: string,
    event: Extract<WorkflowEvent, { type: "call.settled" }>,
    state: WorkflowState,
  ): void {
    if (event.outcome !== "ok" && event.outcome !== "partial_result") return;
    const { workflow, agent, human } = state;
    const held = this.#locks
      .table(tenant)
      .locks.some(
        ({ target, value }) =>
          (target === "workflow" && value === workflow) ||
          (target === "tenant" && value === tenant) ||
          (target === "human" && value === human) ||
          (target === "agent" && value === agent),
      );
    promise("P4", !held, () => "a result was released under a lock");
  }

  /** P1, P4, P5: what reaches the private service, whoever let it through. */
  effect({ connector, request, at }: Upstream["effects"][number]): void {
    const { admitted, tenant, workflow } = request;
    const recorded = this.#disk
      .of(tenant, workflow)
      ?.some(({ stored }) => stored.bytes.includes(`"txn":"${admitted.txn}"`));
    promise("P1", recorded === true, () => "something left before its admission was durable");
    promise("lease", at - connector.lastBeat <= LEASE_MS, () => "forwarded without a beat");
    const same = this.#upstream.effects.filter((one) => one.request.admitted.txn === admitted.txn);
    promise("txn", same.length === 1, () => `${admitted.txn} was spent twice`);
    if (admitted.mode !== "execute" || !hasEffect(admitted.action)) return;
    const effects = this.#upstream.effects.filter(
      (one) =>
        one.request.admitted.call === admitted.call && one.request.admitted.mode === "execute",
    );
    promise("I7", effects.length <= 1, () => `${admitted.call} was done twice`);
  }
}
