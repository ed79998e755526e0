import type { LockTable } from "../core/model/lock.ts";
import type { Action, Tier } from "../core/model/policy.ts";
import { lockRules } from "../core/session/locks.ts";
import type {
  BundleSource,
  Template,
  ToolDescription,
  WritableDescription,
} from "./bundle/model.ts";

/** `quarantined`: a lock on the tool itself, or on its definition; `locked`: on what it belongs to, or nobody can tell. */
export const TOOL_STATES = ["callable", "unreviewed", "quarantined", "locked"] as const;
export type ToolState = (typeof TOOL_STATES)[number];

/** One tool, as the people see it who answer for it. */
export interface ToolView {
  readonly tool: string;
  readonly title: string;
  readonly description: string;
  readonly owner: string;
  readonly destination: string;
  readonly action: Action;
  readonly tier: Tier;
  readonly writeDomain: string | null;
  /** What a statement of an agent's own may write; null: it writes none. */
  readonly writes: Writes | null;
  readonly dataClasses: readonly string[];
  readonly labels: readonly string[];
  /** Members of its file that nobody has confirmed yet. */
  readonly review: readonly string[];
  readonly state: ToolState;
  /** As rule ids, `lock:<id>`. */
  readonly locks: readonly string[];
  /** RFC 3339, of the last call that was admitted since the gateway started; null: none. */
  readonly lastUsedAt: string | null;
  /** SHA-256, hex, of its description. */
  readonly definition: string;
}

export interface Writes {
  /** Of one statement. */
  readonly maxRows: number;
  readonly relations: readonly (Pick<
    WritableDescription,
    "key" | "insert" | "update" | "delete" | "also"
  > & {
    /** `schema.name` */
    readonly relation: string;
  })[];
}

export interface Inventory {
  readonly policyVersion: string;
  /** By id. */
  readonly tools: readonly ToolView[];
}

/** Every tool of a bundle under the locks of now. `lastUsed`: milliseconds, null: not known. */
export function inventoryOf(
  source: Pick<BundleSource, "digest" | "tools">,
  tenant: string,
  locks: LockTable | null,
  lastUsed: (tool: string) => number | null,
): Inventory {
  const tools = source.tools.map((description): ToolView => {
    const { tool, title, owner, review } = description;
    const at = lastUsed(tool.id);
    return {
      ...{ tool: tool.id, title, description: description.description, owner },
      ...{ destination: tool.destination, action: tool.action, tier: tool.tier },
      writeDomain: tool.writeDomain ?? null,
      writes: writesOf(description.template),
      ...{ dataClasses: tool.dataClasses, labels: tool.labels, review },
      ...standing(description, source.digest, tenant, locks),
      lastUsedAt: at === null ? null : new Date(at).toISOString(),
      definition: tool.definition,
    };
  });
  return { policyVersion: source.digest, tools };
}

function writesOf(template: Template): Writes | null {
  if (template.kind !== "write") return null;
  const relations = template.relations.map(({ schema, name, ...relation }) => {
    const { key, insert, update, delete: removes, also } = relation;
    return { relation: `${schema}.${name}`, key, insert, update, delete: removes, also };
  });
  return { maxRows: template.maxRows, relations };
}

function standing(
  { tool, review }: ToolDescription,
  bundle: string,
  tenant: string,
  locks: LockTable | null,
): Pick<ToolView, "state" | "locks"> {
  // Where locks cannot be vouched for nothing is admitted.
  if (locks === null) return { state: "locked", locks: [] };
  const own = lockRules(locks, { tool: tool.id, definition: tool.definition });
  const around = lockRules(locks, { tenant, destination: tool.destination, bundle });
  const all = [...own, ...around].toSorted();
  if (own.length > 0) return { state: "quarantined", locks: all };
  if (review.length > 0) return { state: "unreviewed", locks: all };
  return { state: around.length > 0 ? "locked" : "callable", locks: all };
}
