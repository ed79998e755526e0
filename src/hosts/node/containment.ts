import type { Containment } from "../../core/model/event.ts";
import type { SignalCode } from "../../core/model/signal.ts";
import type { LogLine } from "./gateway.ts";
import type { NodeLocks } from "./locks.ts";

/** One signal, as it was just recorded. */
export interface Signalled {
  readonly tenant: string;
  /** Null: it belongs to none. */
  readonly workflow: string | null;
  readonly signal: SignalCode;
  readonly containment: Containment | null;
}

/**
 * From signal to lock, for all of them: one line of the log, and the lock in force before this
 * returns, in the very turn in which the signal was raised.
 */
export function containing(
  locks: Pick<NodeLocks, "add">,
  log: (line: LogLine) => void,
): (signal: Signalled) => void {
  return ({ tenant, workflow, signal, containment }) => {
    const rule = containment?.ruleId ?? null;
    log({ event: "signal", tenant, workflow, signal, rule });
    if (rule === null || containment?.lock == null) return;
    const added = locks.add(tenant, {
      ...{ ...containment.lock, reason: rule, by: rule },
      urgent: true,
    });
    if (!added.ok) log({ event: "containment.failed", tenant, rule, code: added.code });
  };
}
