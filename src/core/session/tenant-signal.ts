import type { ContainmentRule } from "../model/bundle.ts";
import type { Subject } from "../model/command.ts";
import type { Containment } from "../model/event.ts";
import type { SignalCode } from "../model/signal.ts";
import { fullRule, isFlood, type Times } from "./containment.ts";
import { MAX_RULE_MS, MAX_SIGNALS, MAX_TENANT_SIGNALS } from "./limits.ts";

/** A signal that belongs to no workflow, because the evidence names none. */
export interface TenantSignal {
  readonly signal: SignalCode;
  /** What the evidence itself authenticates, and all that may be locked; null: nothing. */
  readonly subject: Subject | null;
}

/** What a tenant remembers of its own signals: as far back as any rule may look. */
export type RaisedSignals = readonly (TenantSignal & { readonly at: number })[];

/** Null: a flood, which leaves no trace. */
export type TenantVerdict = {
  /** What follows; null: nothing yet, or nothing that the evidence would carry. */
  readonly containment: Containment | null;
  readonly raised: RaisedSignals;
} | null;

/**
 * Counted by kind and subject: who makes noise about one thing must not bring a lock upon another.
 * Where a rule would lock the workflow there is none, so the subject is locked; what the evidence
 * does not authenticate is not. A step down to reading is a workflow's alone.
 */
export function judgeTenantSignal(
  before: RaisedSignals,
  one: TenantSignal,
  rules: readonly ContainmentRule[],
  now: number,
): TenantVerdict {
  const { signal, subject } = one;
  const recent = before.filter(({ at }) => now - at <= MAX_RULE_MS);
  const ofKind = recent.filter((other) => other.signal === signal);
  const same = ofKind.filter((other) => isSame(other.subject, subject));
  if (isFlood(times(same), now, MAX_SIGNALS) || isFlood(times(ofKind), now, MAX_TENANT_SIGNALS)) {
    return null;
  }
  const rule =
    subject === null
      ? undefined
      : fullRule(rules, signal, times(same), now, ({ then }) => then !== "read_only");
  return {
    containment:
      rule === undefined || subject === null
        ? null
        : { ruleId: `containment:${rule.id}`, lock: subject },
    raised: [
      ...(same.length < MAX_SIGNALS ? recent : without(recent, same[0])),
      { ...one, at: now },
    ],
  };
}

/** No rule counts further than that. */
function without(raised: RaisedSignals, oldest: RaisedSignals[number] | undefined): RaisedSignals {
  return raised.filter((one) => one !== oldest);
}

function isSame(one: Subject | null, other: Subject | null): boolean {
  return one?.target === other?.target && one?.value === other?.value;
}

function times(signals: RaisedSignals): Times {
  return signals.map(({ at }) => at);
}
