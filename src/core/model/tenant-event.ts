/**
 * The tenant stream: what belongs to no workflow. Same two tables, same chain as a workflow's
 * record, under the reserved stream name below.
 */
export const TENANT_STREAM = "tenant";

export type TenantEventBody =
  | {
      readonly type: "bundle.activated";
      readonly policyVersion: string;
      /** What it replaces; null for the first. */
      readonly previous: string | null;
    }
  | {
      readonly type: "join.created";
      /** SHA-256, hex, of the code's secret. */
      readonly code: string;
      readonly network: string;
      readonly tier: string;
      readonly expiresAt: number;
    }
  | {
      readonly type: "connector.enrolled";
      readonly connector: string;
      readonly network: string;
      readonly tier: string;
      /** RFC 7638 thumbprint of the connector's key. */
      readonly jkt: string;
      readonly code: string;
    }
  | {
      readonly type: "exchange.refused";
      /** Only an agent that proved its key gets an entry: strangers cannot fill the disk. */
      readonly agent: string;
      readonly code: string;
      readonly ruleIds: readonly string[];
      readonly policyVersion: string;
    };

export const TENANT_EVENT_TYPES = [
  "bundle.activated",
  "join.created",
  "connector.enrolled",
  "exchange.refused",
] as const satisfies readonly TenantEventBody["type"][];
