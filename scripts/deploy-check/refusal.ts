/** Why what was configured must not be deployed. Codes are stable. */
export const REFUSALS = [
  "config_unreadable",
  "environment_unknown",
  /** A class of ours is not bound, or has no storage. */
  "object_unbound",
  /** It builds, and then no bundle can be read. */
  "define_missing",
  "secret_in_file",
  "secret_unlisted",
  "postern_unreadable",
  "public_url_plain",
  "bundle_missing",
  "bundle_of_nobody",
  "bundle_wrong",
  /** A connector names a binding that there is not. */
  "binding_unknown",
  /** A way into a network that nothing here needs. */
  "binding_unused",
  "address_missing",
  "address_without_effect",
  "connector_twice",
  /** A tool would find nobody: its call would be refused, again and again. */
  "destination_unbound",
  "build_failed",
  "worker_too_large",
] as const;

export interface Refusal {
  readonly code: (typeof REFUSALS)[number];
  readonly message: string;
  readonly fix: string;
}
