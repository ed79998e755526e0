/** Parsers below are recursive or quadratic at worst: larger or deeper files are refused first. */
export const MAX_FILE_CHARS = 1_048_576;
export const MAX_FILES = 2_000;
/** A tool schema nests about a dozen levels; parsers recurse, stacks end. */
export const MAX_DEPTH = 64;
/** One upstream request; a call token lives 60 s and is checked when the request arrives. */
export const MAX_TIMEOUT_MS = 120_000;
/** Results are buffered whole at gateway and connector. */
export const MAX_RESULT_BYTES = 8 * 1_024 * 1_024;
export const MAX_ROWS = 10_000;
/** Longest life of a workflow: see core/session/limits.ts. */
export const MAX_LIFE_MINUTES = 480;
/** Cost, counters: exact in JSON numbers and in Cedar's Long. */
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
/** Policies, and so the time one question takes, are bounded when a bundle is published. */
export const MAX_POLICIES = 1_000;
export const MAX_TITLE_CHARS = 200;
export const MAX_DESCRIPTION_CHARS = 4_000;
export const MAX_POLICY_CHARS = 10_000;
/**
 * Operators plus three for each level of brackets. Cedar recurses over both inside wasm, and a full
 * stack there is a trap that leaves the engine unusable for the whole process, so for every tenant.
 * Measured on 4.13: it traps from about 350.
 */
export const MAX_POLICY_WEIGHT = 200;
