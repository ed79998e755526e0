import type { BundleView } from "../../core/model/bundle.ts";
import { MAX_RULE_MS } from "../../core/session/limits.ts";
import {
  judgeTenantSignal,
  type RaisedSignals,
  type TenantSignal,
} from "../../core/session/tenant-signal.ts";
import type { TenantSignals } from "../../gateway/ports.ts";
import type { Signalled } from "./containment.ts";
import type { TenantStreams } from "./tenant-stream.ts";

export interface TenantSignalParts {
  readonly streams: TenantStreams;
  now(): number;
  /** Null before the tenant's first bundle: then there are no rules. */
  bundle(tenant: string): BundleView | null;
  /** What follows is in force when this returns. */
  signalled(signal: Signalled): void;
}

/** Signals that belong to no workflow. What they lock is in force in the turn in which they are raised. */
export class NodeTenantSignals implements TenantSignals {
  readonly #parts: TenantSignalParts;
  readonly #raised = new Map<string, RaisedSignals>();

  constructor(parts: TenantSignalParts) {
    this.#parts = parts;
  }

  async raise(tenant: string, one: TenantSignal): Promise<void> {
    const { streams, now, bundle, signalled } = this.#parts;
    const at = now();
    const rules = bundle(tenant);
    const before = this.#of(tenant, at);
    // Its record cannot be read, so nobody vouches for its locks, and nothing of it is admitted.
    if (before === null) return;
    const verdict = judgeTenantSignal(before, one, rules?.containment ?? [], at);
    if (verdict === null) return;
    const { containment } = verdict;
    this.#raised.set(tenant, verdict.raised);
    const policyVersion = rules?.digest ?? "";
    const body = { type: "signal.raised", ...one, policyVersion, containment } as const;
    const recorded = streams.append(tenant, body);
    signalled({ tenant, workflow: null, signal: one.signal, containment });
    // Where the record fails, what follows holds all the same: locks are owed to the disk.
    await recorded.catch(() => undefined);
  }

  /** A restart must not give whoever is being counted a fresh start. */
  #of(tenant: string, now: number): RaisedSignals | null {
    const known = this.#raised.get(tenant);
    if (known !== undefined) return known;
    try {
      return this.#parts.streams.signalsSince(tenant, now - MAX_RULE_MS);
    } catch {
      return null;
    }
  }
}
