/**
 * How long whoever asks will wait, in milliseconds from now, for a service that can stop early. The one
 * that service meshes know: Envoy sets it, and keeps to it where `respect_expected_rq_timeout` is on.
 * Relative, so that no two clocks have to agree (docs/decisions/0049).
 */
export const DEADLINE_HEADER = "x-envoy-expected-rq-timeout-ms";

export function deadlineOf({ remainingMs }: { readonly remainingMs: () => number }): string {
  return String(wholeMs(remainingMs()));
}

/** At least one: 0 means "no limit" to Postgres and Envoy. */
export function wholeMs(ms: number): number {
  return Math.max(1, Math.floor(ms));
}
