import type { Tier } from "../../core/model/policy.ts";
import type { StoredEvent } from "../../gateway/ports.ts";
import type { Mistake } from "../../policy/bundle/mistake.ts";
import type { CallReport } from "../../gateway/report.ts";

/** What an administrator can ask of a running gateway. The host answers; this surface translates. */
export interface Administration {
  readonly tenants: readonly string[];
  activateBundle(tenant: string, files: Readonly<Record<string, string>>): Promise<Activation>;
  /** A one-time code that lets one connector in. */
  createJoinCode(
    tenant: string,
    scope: { network: string; tier: Tier; lifeMs: number },
  ): Promise<JoinCode>;
  listConnectors(tenant: string): readonly ConnectorStatus[];
  listWorkflows(tenant: string, limit: number): readonly WorkflowLine[];
  events(
    tenant: string,
    workflow: string,
    after: number,
    limit: number,
  ): Promise<readonly StoredEvent[]>;
  showCall(tenant: string, call: string): Promise<CallReport | null>;
}

export type Activation =
  | { readonly ok: true; readonly policyVersion: string; readonly previous: string | null }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

export interface JoinCode {
  readonly code: string;
  readonly expiresAt: string;
}

export interface ConnectorStatus {
  readonly connector: string;
  readonly network: string;
  readonly tier: Tier;
  readonly connected: boolean;
}

export interface WorkflowLine {
  readonly workflow: string;
  readonly events: number;
  readonly startedAt: string;
}
