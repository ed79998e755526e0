import type { JsonObject } from "../../core/model/json.ts";
import type { Outcome } from "../../core/model/outcome.ts";
import type { Caller } from "../../gateway/call.ts";
import type { ToolListing } from "../../core/model/tool-listing.ts";

export interface McpCall {
  readonly tool: string;
  readonly args: JsonObject;
  readonly idempotencyKey: string | null;
  /** Tokens of models; null: nothing is reported. */
  readonly usage: number | null;
  /** Milliseconds that it may wait for humans; null: as long as any. */
  readonly waitMs: number | null;
  /** Its client takes it back. */
  readonly cancelled: AbortSignal;
}

/** What this surface needs of the gateway. It translates, and decides nothing. */
export interface McpPorts {
  /** Resolves with an outcome in every case, also for a call that was taken back. */
  callTool(caller: Caller, call: McpCall): Promise<Outcome>;
  /** The tools of this seat, in an order that only a change of the set changes. */
  listTools(caller: Caller): Promise<readonly ToolListing[]>;
  /** Those of them that have words of the task, the best first, at most so many. */
  findTools(caller: Caller, task: string, most: number): Promise<readonly ToolListing[]>;
  /** The schema a tool publishes for its results; null for an opaque or unknown one. */
  outputSchema(caller: Caller, tool: string): JsonObject | null;
  /** A defect of ours, for the log. The client learns only that there was one. */
  fault(error: unknown): void;
}
