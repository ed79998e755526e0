/** Bytes of one call's arguments as JSON: more than any form, less than a way to fill the record. */
export const MAX_ARGUMENT_BYTES = 1_024 * 1_024;

/** JSON Pointers told to an agent about its arguments: enough to correct them all in one go. */
export const MAX_FAULTS = 20;
/** UTF-16 units. A longer key in a pointer is the agent's own text echoed back: its parent is named. */
export const MAX_FAULT_CHARS = 256;
/** Up to here, in bytes, every fault of the arguments is collected; beyond, the first one only. */
export const MAX_EXPLAINED_BYTES = 16 * 1_024;

/**
 * UTF-16 units of a text a pattern is tried on. `bundle check` refuses exponential patterns; a merely
 * quadratic one (`\s+$`) would still hold the gateway for minutes on a megabyte of spaces.
 */
export const MAX_PATTERN_CHARS = 4_096;

/** Entries of `redactions` an agent gets; the counts in the record are complete. */
export const MAX_REDACTIONS = 1_000;

/**
 * Places looked at in one result. `[{},{},…]` in 8 MiB against a schema of a hundred fields would
 * otherwise be a cheap way to make the gateway write gigabytes of nulls.
 */
export const MAX_PLACES = 2_000_000;

/** Compiled plans kept per tool: one for each set of denied classes seen, and few are. */
export const MAX_STANDINGS = 256;
