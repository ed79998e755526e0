import { findSeat } from "../core/session/state.ts";
import type { ToolListing } from "../core/model/tool-listing.ts";
import type { Caller } from "../gateway/call.ts";
import type { Gateway } from "../gateway/ports.ts";
import { lookedUp } from "../gateway/record.ts";
import { findTools, selectTools } from "../tools/selection.ts";

/** What a seat is offered now: all of it, or what fits a task. The same on every surface. */
export async function listedTools(
  gateway: Gateway,
  caller: Caller,
  question: { readonly task: string; readonly most: number } | null,
): Promise<readonly ToolListing[]> {
  const session = await lookedUp(gateway, caller);
  const bundle = gateway.bundles.active(caller.tenant);
  const seat = session === null ? undefined : findSeat(session.state, caller.seat);
  if (session === null || bundle === null || seat === undefined) return [];
  const locks = gateway.locks.now(caller.tenant);
  if (question === null) return selectTools(bundle, session.state, seat, locks);
  return findTools(bundle, session.state, seat, locks, question.task, question.most);
}
