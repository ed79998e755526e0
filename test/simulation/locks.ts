import type { CallAdmitted } from "../../src/core/model/event.ts";
import {
  type Lock,
  type LockTable,
  type LockTarget,
  type Revocation,
  REVOKING_TARGETS,
} from "../../src/core/model/lock.ts";
import type { WorkflowState } from "../../src/core/session/state.ts";

/** The locks of every tenant, as its stream would hold them. */
export class SimulatedLocks {
  readonly #tables = new Map<string, LockTable>();

  table(tenant: string): LockTable {
    return this.#tables.get(tenant) ?? { epoch: 1, locks: [], revocations: [] };
  }

  add(tenant: string, lock: Lock): void {
    const table = this.table(tenant);
    this.#tables.set(tenant, { ...table, epoch: table.epoch + 1, locks: [...table.locks, lock] });
  }

  /** The oldest one. What it revoked stays revoked. */
  remove(tenant: string): void {
    const { epoch, locks, revocations } = this.table(tenant);
    const [first, ...others] = locks;
    if (first === undefined) return;
    const revokes = (REVOKING_TARGETS as readonly LockTarget[]).includes(first.target);
    const left = revokes ? [{ ...first, epoch: epoch + 1 } as Revocation] : [];
    this.#tables.set(tenant, {
      epoch: epoch + 1,
      locks: others,
      revocations: [...revocations, ...left],
    });
  }
}

type Held = Pick<
  CallAdmitted,
  "chain" | "seat" | "tool" | "definition" | "destination" | "connector" | "policyVersion"
>;

/** By the letter: not the core's own way of finding out. */
export function holds(lock: Lock, state: WorkflowState, call: Held): boolean {
  switch (lock.target) {
    case "tenant":
      return lock.value === state.tenant;
    case "human":
      return lock.value === state.human;
    case "agent":
      return call.chain.includes(lock.value);
    case "key":
      return Object.values(state.seats).some(
        (seat) => seat.jkt === lock.value && seat.id === call.seat,
      );
    case "workflow":
      return lock.value === state.workflow;
    case "tool":
      return lock.value === call.tool;
    case "definition":
      return lock.value === call.definition;
    case "destination":
      return lock.value === call.destination;
    case "connector":
      return lock.value === call.connector;
    case "bundle":
      return lock.value === call.policyVersion;
  }
}
