/** Bytes of one call's arguments as JSON: more than any form, less than a way to fill the record. */
export const MAX_ARGUMENT_BYTES = 1_024 * 1_024;

/** JSON Pointers told to an agent about its arguments: enough to correct them all in one go. */
export const MAX_FAULTS = 20;
/** UTF-16 units. A longer key in a pointer is the agent's own text echoed back: its parent is named. */
export const MAX_FAULT_CHARS = 256;
/** Characters that say what one place should hold: a list of fifty values helps no more than its schema. */
export const MAX_EXPECTED_CHARS = 200;
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

/** Operations of one change that humans are asked to approve: nobody reads more, and reads it right. */
export const MAX_SHOWN_OPERATIONS = 200;
/** Bytes of the same change in RFC 8785 form. It is sealed, sent to agents and drawn in a console. */
export const MAX_SHOWN_BYTES = 64 * 1_024;
/** Characters of one header that an argument sets: servers refuse heads of more than 8 to 16 KiB. */
export const MAX_HEADER_CHARS = 1_024;
/**
 * Brackets after one name, as in `line_items[0][price_data][recurring]`: more than the services that are
 * known to want them nest, and few enough for a long key not to be repeated without end.
 */
export const MAX_BRACKETS = 8;
/** UTF-16 units of one key in brackets, which every field below it repeats. */
export const MAX_BRACKET_KEY_CHARS = 100;
/** Fields of one argument in brackets: what a service reads by default, and it drops the rest silently. */
export const MAX_BRACKET_FIELDS = 1_000;
/** Characters of an entity tag: it goes back to the service in a header. */
export const MAX_ETAG_CHARS = 256;

/**
 * UTF-16 units of text kept for each source of one workflow. Apart, so that a flood of untrusted
 * results crowds out nothing that a human entered; what no longer fits is `unknown`.
 */
export const MAX_CORPUS_CHARS = 256 * 1_024;
/** Letters and digits a text must have to be looked up: shorter ones stand everywhere by chance. */
export const MIN_SOURCE_CHARS = 3;
/** UTF-16 units of a text that is looked up: a longer one is no recipient, id or amount. */
export const MAX_SOURCE_CHARS = 1_024;
/** Texts of one argument that are looked up: each is a pass over the whole corpus. */
export const MAX_SOURCE_TEXTS = 32;
/**
 * Places of one text that are looked at: one that stands so often inside of others, and not by itself
 * among the first, is no recipient, id or amount.
 */
export const MAX_OCCURRENCES = 4_096;
/**
 * UTF-16 units that are normalised for one source of one workflow, kept or not: results are up to
 * 8 MiB each, and all of it happens between two other calls.
 */
export const MAX_READ_CHARS = 4 * MAX_CORPUS_CHARS;

/** Statements that one tool keeps understood: an agent sends the same one again, with other values. */
export const MAX_QUERIES = 256;
