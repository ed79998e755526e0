import type { Tool } from "../core/model/bundle.ts";
import type { LockTable } from "../core/model/lock.ts";
import type { ToolListing } from "../core/model/tool-listing.ts";
import { contextOf, verdict } from "../core/session/judge.ts";
import { lineLocks, lockedValues } from "../core/session/locks.ts";
import { lineOf, NOTHING_USED, type Seat, type WorkflowState } from "../core/session/state.ts";
import type { Bundle } from "../gateway/ports.ts";
import { catalogueOf } from "./catalogue.ts";

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
  const line = lineOf(state, seat);
  if (lineLocks(locks, state, line, { bundle: bundle.view.digest }).length > 0) return [];
  const tools = new Set(seat.tools);
  // A thousand tools under a thousand locks: each is looked at once, not each under each.
  const ids = lockedValues(locks, "tool");
  const definitions = lockedValues(locks, "definition");
  const destinations = lockedValues(locks, "destination");
  const mayConnect = connecting(bundle, state, seat);
  return catalogueOf(bundle)
    .offers.filter(
      ({ tool }) =>
        tools.has(tool.id) &&
        !ids.has(tool.id) &&
        !definitions.has(tool.definition) &&
        !destinations.has(tool.destination) &&
        mayConnect(tool),
    )
    .map(({ listing }) => listing);
}

/** Tools differ for a policy of the network in their destination and their name: the rest is built once. */
function connecting(bundle: Bundle, state: WorkflowState, seat: Seat): (tool: Tool) => boolean {
  let shared: ReturnType<typeof contextOf> | null = null;
  return (tool) => {
    // Listing charges nothing, and a list that changed with every call would not be cached.
    shared ??= contextOf({
      ...{ state, seat, tool, after: NOTHING_USED },
      ...{ policyArguments: {}, sources: {} },
    });
    try {
      const answer = bundle.evaluator.evaluate({
        policyClass: "network",
        action: "connect",
        principal: seat.agent,
        resource: { type: "Destination", id: tool.destination },
        context: { ...shared, tool: tool.id },
      });
      return verdict("network", answer).allow;
    } catch {
      return false;
    }
  };
}
