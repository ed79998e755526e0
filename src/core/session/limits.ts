/** Recorded refusals per workflow and window: an agent in a loop must not fill the disk with denials. */
export const MAX_REFUSALS = 600;
export const REFUSAL_WINDOW_MS = 60_000;

/** Calls of one workflow between admission and settlement: bounds state and recovery. */
export const MAX_IN_FLIGHT = 1_024;
/** What an agent over that limit is told to wait: about one slow call. */
export const BUSY_RETRY_MS = 1_000;

/** Longest life of a workflow, whatever trust says. */
export const MAX_LIFE_MS = 8 * 60 * 60 * 1_000;

/** Bytes of the agent's own state, as canonical JSON. */
export const MAX_CHECKPOINT_BYTES = 256 * 1_024;
