import type { Command } from "../../core/model/command.ts";
import type { LockTable, LockTarget } from "../../core/model/lock.ts";
import type { WorkflowState } from "../../core/session/state.ts";

/**
 * The part of a tenant's locks that this decision could meet. Every decision seals the table it saw:
 * with a thousand other workflows locked, their ids would be most of what is stored of each call.
 */
export function narrowLocks(
  table: LockTable | null,
  state: WorkflowState,
  command: Command,
): LockTable | null {
  if (table === null || (table.locks.length === 0 && table.revocations.length === 0)) return table;
  const own = ownNames(state, command);
  const concerns = (lock: { readonly target: LockTarget; readonly value: string }): boolean =>
    own[lock.target]?.includes(lock.value) ?? true;
  return {
    epoch: table.epoch,
    locks: table.locks.filter(concerns),
    revocations: table.revocations.filter(concerns),
  };
}

/** Targets of which a tenant has thousands; of the others it has a handful, and all are kept. */
function ownNames(
  state: WorkflowState,
  command: Command,
): { readonly [target in LockTarget]?: readonly string[] } {
  const keys = Object.values(state.seats).map(({ jkt }) => jkt);
  switch (command.type) {
    case "open":
      return { workflow: [command.workflow], human: [command.human], key: [command.jkt] };
    case "seat":
      return {
        workflow: [state.workflow],
        human: [state.human],
        key: [...keys, command.jkt],
      };
    case "decideApproval":
      return {
        workflow: [state.workflow],
        human: [state.human, command.human],
        key: keys,
      };
    default:
      return {
        workflow: [state.workflow],
        // Those who approved something, too: what they gave may be carried out now.
        human: [
          state.human,
          ...state.approvals.flatMap(({ given }) => given.map((one) => one.human)),
        ],
        key: keys,
      };
  }
}
