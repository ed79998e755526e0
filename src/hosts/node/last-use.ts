import type { WorkflowEvent } from "../../core/model/event.ts";

/** Names of tools are the bundles' own, and few; this many only if somebody makes them up. */
const MAX_TOOLS = 20_000;

/**
 * When each tool was last let through to, since this gateway started. Only in memory: to look it up in the
 * record would read all of it.
 */
export class LastUse {
  readonly #at = new Map<string, number>();

  see(tenant: string, event: WorkflowEvent): void {
    if (event.type !== "call.admitted") return;
    const key = `${tenant}/${event.tool}`;
    if (this.#at.size >= MAX_TOOLS && !this.#at.has(key)) return;
    this.#at.set(key, Math.max(event.at, this.#at.get(key) ?? 0));
  }

  /** Milliseconds since the epoch; null: not since the start. */
  of(tenant: string, tool: string): number | null {
    return this.#at.get(`${tenant}/${tool}`) ?? null;
  }
}
