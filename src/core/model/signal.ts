/** Something suspicious. What follows from it, the bundle's containment rules say. */
export const SIGNALS = [
  /** A credential, proof, assertion or call token shown a second time. */
  "token_replayed",
  /** A token shown outside of its workflow, agent, tenant or connector. */
  "context_mismatch",
  /** One key used by two agents. */
  "key_shared",
  "canary_tool",
  "canary_record",
  "denial_burst",
  "budget_anomaly",
  /** An upstream changed what a pinned tool is. */
  "tool_drift",
  /** A second connector with a key that is in use. */
  "connector_clash",
] as const;
export type SignalCode = (typeof SIGNALS)[number];
