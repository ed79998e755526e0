import type { ContainmentRule } from "../model/bundle.ts";
import type { SignalCommand } from "../model/command.ts";
import type { Containment } from "../model/event.ts";
import type { PolicyCode } from "../model/outcome.ts";
import type { SignalCode } from "../model/signal.ts";
import { fullRule, isFlood } from "./containment.ts";
import { type Decision, IGNORED } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { DENIAL_BURST, EXHAUSTED_BURST, MAX_SIGNALS } from "./limits.ts";
import { chainOfId, type Seat, type WorkflowState } from "./state.ts";
import { refusalsAfter, refusalsOf } from "./window.ts";

/** No rule of a bundle: what it locks is proven to be something else than what was reviewed. */
const QUARANTINE_RULE = "core:tool-drift";

/** What the bundle says that follows from it, in the turn in which it is raised. */
export function decideSignal(
  state: WorkflowState,
  command: SignalCommand,
  facts: Facts,
  input: string,
): Decision {
  if (state.status === "new") return IGNORED;
  const before = state.signals
    .filter(({ signal }) => signal === command.signal)
    .map(({ at }) => at);
  const { quarantine } = command;
  if (quarantine === undefined && isFlood(before, facts.now, MAX_SIGNALS)) return IGNORED;
  const rule = fullRule(
    facts.bundle.containment,
    command.signal,
    before,
    facts.now,
    // Once only reads go on, the same again would keep the stricter rules behind it from acting.
    ({ then }) => !(then === "read_only" && state.readOnly),
  );
  const containment =
    quarantine !== undefined
      ? { ruleId: QUARANTINE_RULE, lock: quarantine }
      : rule && containmentOf(rule, state, command);
  return {
    events: [
      {
        type: "signal.raised",
        signal: command.signal,
        seat: command.seat,
        chain: chainOfId(state, command.seat),
        call: command.call,
        policyVersion: facts.bundle.digest,
        containment: containment ?? null,
        input,
      },
    ],
    result: { kind: "signalled", containment: containment ?? null },
  };
}

/**
 * The denial, of a call or of a seat, that fills the measure raises a signal: once a window for the
 * workflow, and once for each seat that fills it by itself. Its event must count in the same window (see
 * `evolve`), or the one number that fills it is missed.
 */
export function burstsOf(
  state: WorkflowState,
  now: number,
  code: PolicyCode,
  seat: Seat | undefined,
  call: string | null,
): readonly SignalCommand[] {
  const id = seat?.id ?? "";
  const after = refusalsAfter(state.refusals, now, id, code);
  const own = refusalsOf(after, id);
  const signals: { readonly signal: SignalCode; readonly proven: boolean }[] = [];
  const measure = (signal: SignalCode, all: number, ofSeat: number, full: number): void => {
    const proven = ofSeat === full;
    if (proven || all === full) signals.push({ signal, proven });
  };
  measure("denial_burst", after.denials, own.denials, DENIAL_BURST);
  if (code === "budget_exhausted") {
    measure("budget_anomaly", after.exhausted, own.exhausted, EXHAUSTED_BURST);
  }
  return signals.map(({ signal, proven }) => ({
    type: "signal",
    signal,
    seat: seat?.id ?? null,
    call,
    // Filled by several seats, it proves nothing of the one that happened to be the last.
    subject: proven && seat !== undefined ? { target: "agent", value: seat.agent } : null,
  }));
}

/** A stolen token must not become a weapon: what the evidence does not prove is not locked by it. */
function containmentOf(
  { id, then }: ContainmentRule,
  state: WorkflowState,
  { subject }: SignalCommand,
): Containment {
  const ruleId = `containment:${id}`;
  if (then === "read_only") return { ruleId, lock: null };
  const workflow = { target: "workflow", value: state.workflow } as const;
  return { ruleId, lock: then === "lock_subject" ? (subject ?? workflow) : workflow };
}
