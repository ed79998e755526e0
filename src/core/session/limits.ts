/** Recorded refusals of one seat in one window: an agent in a loop must not fill the disk with denials. */
export const MAX_REFUSALS = 600;
export const REFUSAL_WINDOW_MS = 60_000;

/**
 * Previews of one workflow and window. Most become requests, which are capped; one that fails does not,
 * and each runs a statement in somebody's database.
 */
export const MAX_PREVIEWS = 120;

/** Calls of one workflow between admission and settlement: bounds state and recovery. */
export const MAX_IN_FLIGHT = 1_024;
/** What an agent over that limit is told to wait: about one slow call. */
export const BUSY_RETRY_MS = 1_000;

/** Longest life of a workflow, whatever trust says. */
export const MAX_LIFE_MS = 8 * 60 * 60 * 1_000;

/** Bytes of the agent's own state, as canonical JSON. */
export const MAX_CHECKPOINT_BYTES = 256 * 1_024;

/** Requests for approval of one workflow that wait at the same time: humans read each of them. */
export const MAX_OPEN_APPROVALS = 16;
/** All requests of one workflow: those without a preview are charged to no budget. */
export const MAX_APPROVALS = 256;

/** Seats of one workflow, seats one agent may give, and hops from the root (a fan-out bomb). */
export const MAX_SEATS = 64;
/** With those that ended with their call: a tool that is an agent takes one for each. */
export const MAX_SEATS_EVER = 1_024;
export const MAX_FAN_OUT = 16;
export const MAX_HOPS = 8;

/** About what a model makes of text; results are metered by it. */
export const BYTES_PER_TOKEN = 4;

/** Refusals in one window that are suspicious, and those for a ceiling that is reached. */
export const DENIAL_BURST = 25;
export const EXHAUSTED_BURST = 8;
/**
 * Signals of one kind that are remembered: as many as a containment rule may count. Of each kind by
 * itself, or a flood of harmless ones would make the rules forget the others.
 */
export const MAX_SIGNALS = 1_000;

/** The same for the signals of a tenant that belong to no workflow; of one kind, whatever they are about. */
export const MAX_TENANT_SIGNALS = 2_000;
/** As far back as a containment rule may look. */
export const MAX_RULE_MS = 60 * 60 * 1_000;

/** Model tokens of one report: a thousand of the longest contexts. */
export const MAX_REPORTED_TOKENS = 1_000_000_000;

/** Times that one call moves to another connector: whatever ends three of them is not their misfortune. */
export const MAX_MOVED = 2;
/** Times that one call is sent again: a service that does not answer by then is asked by a human. */
export const MAX_RESENT = 8;
/** Before a service forgets a key by its own clock, which may be as far from ours as any other. */
export const RESEND_MARGIN_MS = 5 * 60_000;
