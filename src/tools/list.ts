import type { LockTable } from "../core/model/lock.ts";
import { hasEffect } from "../core/model/policy.ts";
import type { ToolListing } from "../core/model/tool-listing.ts";
import { contextOf, verdict } from "../core/session/judge.ts";
import { lineLocks } from "../core/session/locks.ts";
import { lineOf, NOTHING_USED, type Seat, type WorkflowState } from "../core/session/state.ts";
import type { Bundle, ToolRuntime } from "../gateway/ports.ts";

/**
 * The tools of a seat whose `connect` is permitted and which no lock holds, by id. A help to the
 * agent, never a grant: each call is decided anew. A canary is listed like any other: a trap that
 * cannot be seen catches nobody.
 */
export function listTools(
  bundle: Bundle,
  state: WorkflowState,
  seat: Seat,
  locks: LockTable | null,
): readonly ToolListing[] {
  // Where locks cannot be vouched for nothing is admitted, so nothing is offered either.
  if (locks === null) return [];
  return [...new Set(seat.tools)]
    .sort()
    .flatMap((id) => bundle.tool(id) ?? [])
    .filter(
      (runtime) =>
        runtime.tool.reviewed &&
        !isLocked(locks, bundle, state, seat, runtime) &&
        mayConnect(bundle, state, seat, runtime),
    )
    .map(listing);
}

function isLocked(
  locks: LockTable,
  bundle: Bundle,
  state: WorkflowState,
  seat: Seat,
  { tool }: ToolRuntime,
): boolean {
  const held = lineLocks(locks, state, lineOf(state, seat), {
    tool: tool.id,
    definition: tool.definition,
    destination: tool.destination,
    bundle: bundle.view.digest,
  });
  return held.length > 0;
}

function mayConnect(
  bundle: Bundle,
  state: WorkflowState,
  seat: Seat,
  { tool }: ToolRuntime,
): boolean {
  try {
    const answer = bundle.evaluator.evaluate({
      policyClass: "network",
      action: "connect",
      principal: seat.agent,
      resource: { type: "Destination", id: tool.destination },
      // Listing charges nothing, and a list that changed with every call would not be cached.
      context: contextOf({
        state,
        seat,
        tool,
        after: NOTHING_USED,
        policyArguments: {},
        sources: {},
      }),
    });
    return verdict("network", answer).allow;
  } catch {
    return false;
  }
}

/** The hints come from the bundle's action, which people reviewed, not from what a service claims. */
function listing({
  tool,
  title,
  description,
  inputSchema,
  outputSchema,
}: ToolRuntime): ToolListing {
  const effect = hasEffect(tool.action);
  return {
    name: tool.id,
    title,
    description,
    inputSchema,
    ...(outputSchema !== null && { outputSchema }),
    annotations: { readOnlyHint: !effect, destructiveHint: effect },
  };
}
