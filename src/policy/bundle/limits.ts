import { MAX_RULE_MS } from "../../core/session/limits.ts";

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
/** Of one statement that an agent wrote: a human is shown two operations a row, of 200 at most. */
export const MAX_WRITE_ROWS = 100;
/** Of one database, and of one relation: an agent is told all of them that its tool names. */
export const MAX_RELATIONS = 200;
export const MAX_COLUMNS = 500;
/** Rows that a group of a summary may be asked to have. */
export const MAX_GROUP = 1_000_000;
/** The best of an index; who wants more of them wants the documents. */
export const MAX_HITS = 100;
/** What is looked for; a connector makes a vector of no longer text. */
export const MAX_QUERY_CHARS = 8_192;
/** How long a service knows an idempotency key; a call is sent again well within it, or not at all. */
export const MIN_IDEMPOTENCY_MINUTES = 10;
export const MAX_IDEMPOTENCY_MINUTES = 1_440;
/** Longest life of a workflow: see core/session/limits.ts. */
export const MAX_LIFE_MINUTES = 480;
/** A request for approval waits a day at most. */
export const MAX_APPROVAL_MINUTES = 1_440;
/** The hypothesis asks once more for each kind (design section 7). */
export const MAX_APPROVAL_KINDS = 8;
export const MAX_CONTAINMENT_RULES = 64;
/** Signals are counted over at most an hour; older ones are forgotten. */
export const MAX_CONTAINMENT_SECONDS = MAX_RULE_MS / 1_000;
/** Live workflows of one human with one agent, where an edge does not say. */
export const DEFAULT_MAX_LIVE = 100;
/** Cost, counters: exact in JSON numbers and in Cedar's Long. */
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
/** Policies, and so the time one question takes, are bounded when a bundle is published. */
export const MAX_POLICIES = 1_000;
export const MAX_TITLE_CHARS = 200;
export const MAX_DESCRIPTION_CHARS = 4_000;
export const MAX_POLICY_CHARS = 10_000;
/**
 * Operators and clauses, plus three for each level of brackets. Cedar recurses over all of them inside
 * wasm, some when it parses and some only when it evaluates; a full stack there is a trap that leaves
 * the engine unusable for the whole process, so for every tenant. Measured on 4.13: from about 350.
 */
export const MAX_POLICY_WEIGHT = 200;
