/** UTF-8 bytes of one document; the largest public ones are about ten million. */
export const MAX_DOCUMENT_BYTES = 16 * 1_024 * 1_024;
/** Levels of the parsed document: whatever walks it recurses. */
export const MAX_DOCUMENT_DEPTH = 200;
/** Values of the parsed document, aliases of YAML counted each time: they grow exponentially. */
export const MAX_DOCUMENT_VALUES = 4_000_000;
/** A bundle holds 2,000 files; more operations than that are chosen from with `--only`. */
export const MAX_OPERATIONS = 1_500;
/** Schemas that one operation unfolds to: references make exponential trees out of short documents. */
export const MAX_SCHEMAS = 3_000;
/** Levels of one unfolded schema; a bundle's file may nest twice as deep. */
export const MAX_SCHEMA_DEPTH = 16;
/** `$ref` to `$ref` to …, each of them a step. */
export const MAX_REFERENCE_STEPS = 32;
/** Notes of one document; beyond, only their number is told. */
export const MAX_NOTES = 5_000;
/** What agents read of a parameter: enough to fill it in, too little for a second prompt. */
export const MAX_PARAMETER_CHARS = 300;
/** What agents read of an operation. */
export const MAX_OPERATION_CHARS = 1_000;
/** Values of one `enum`. */
export const MAX_OPTIONS = 500;
