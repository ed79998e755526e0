/**
 * How far clocks of other parties may differ from ours, in seconds. A clock that is minutes off is
 * refused: whatever is wrong with it, its "not expired" means nothing.
 */
export const ASSERTION_SKEW_S = 30;

/** RFC 7519 NumericDate: whole seconds or fractions; nothing that arithmetic could blur. */
export function readSeconds(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : null;
}
