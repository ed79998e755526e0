import type { BundleView } from "../core/model/bundle.ts";
import type { LockTable } from "../core/model/lock.ts";
import type { ToolListing } from "../core/model/tool-listing.ts";
import { lineOf, type Seat, type WorkflowState } from "../core/session/state.ts";
import type { Bundle } from "../gateway/ports.ts";
import { Lru } from "../identity/lru.ts";
import { catalogueOf } from "./catalogue.ts";
import { listTools } from "./list.ts";

/** Lists kept for one bundle: one for each living seat, and few of those ask at the same time. */
const MAX_LISTS = 256;
/** Tools that one question finds: what a model can weigh against each other. */
export const MAX_FOUND = 50;
export const DEFAULT_FOUND = 10;

/** By view, as the catalogue. Gone with the bundle: nothing has to be invalidated. */
const remembered = new WeakMap<BundleView, Lru<readonly ToolListing[]>>();

function listsOf({ view }: Bundle): Lru<readonly ToolListing[]> {
  let lists = remembered.get(view);
  if (lists === undefined) {
    lists = new Lru(MAX_LISTS);
    remembered.set(view, lists);
  }
  return lists;
}

/** As `listTools`; asked again while nothing it depends on has changed, it is not worked out again. */
export function selectTools(
  bundle: Bundle,
  state: WorkflowState,
  seat: Seat,
  locks: LockTable | null,
): readonly ToolListing[] {
  if (locks === null) return [];
  const lists = listsOf(bundle);
  const key = keyOf(state, seat, locks);
  let list = lists.get(key);
  if (list === undefined) {
    list = listTools(bundle, state, seat, locks);
    lists.set(key, list);
  }
  return list;
}

/** Of those, the ones that have words of a task, the best first. */
export function findTools(
  bundle: Bundle,
  state: WorkflowState,
  seat: Seat,
  locks: LockTable | null,
  task: string,
  most: number = DEFAULT_FOUND,
): readonly ToolListing[] {
  const listed = selectTools(bundle, state, seat, locks);
  if (listed.length === 0) return [];
  const byName = new Map(listed.map((one) => [one.name, one]));
  return catalogueOf(bundle)
    .ranking.find(task)
    .flatMap((id) => byName.get(id) ?? [])
    .slice(0, Math.min(most, MAX_FOUND));
}

/**
 * Everything that a list depends on beside the bundle: who asks, what a policy of the network reads
 * that may change while a workflow lasts, and which locks are in force.
 */
function keyOf(state: WorkflowState, seat: Seat, locks: LockTable): string {
  const { tenant, workflow, labels, writeDomains, seats } = state;
  return JSON.stringify([
    ...[tenant, workflow, seat.id, locks.epoch],
    lineOf(state, seat).map((one) => one.lockEpoch),
    Object.keys(seats).length,
    labels,
    Object.keys(writeDomains).sort(),
  ]);
}
