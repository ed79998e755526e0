import type { CallContext } from "../core/model/claims.ts";
import { previewDigest } from "../core/model/operation.ts";
import type { RequestFrame } from "../tunnel/protocol.ts";
import type { Place } from "../core/model/policy.ts";
import { isSafe, sha256 } from "./allow.ts";

export const MISFITS = [
  "network_mismatch",
  "tier_mismatch",
  "preview_mismatch",
  "preview_refused",
  "idempotency_mismatch",
  "lock_epoch_passed",
] as const;
export type Misfit = (typeof MISFITS)[number];

/**
 * Whether a good token is good for this frame, now: what the operation's digest does not cover.
 * `epoch`: the highest lock epoch this session has heard of. `place`: what this connector was enrolled
 * for. Null: it is.
 */
export function misfitOf(
  context: Pick<CallContext, "call" | "network" | "tier" | "mode" | "preview" | "lock_epoch">,
  frame: Pick<RequestFrame, "operation" | "preview" | "idempotencyKey">,
  epoch: number,
  place: Place,
): Misfit | null {
  // Whatever the gateway believes of us: what is of another tier never passes through this process.
  if (context.network !== place.network) return "network_mismatch";
  if (context.tier !== place.tier) return "tier_mismatch";
  // Admitted before a lock that is in force by now: the gateway would not send it today.
  if (context.lock_epoch < epoch) return "lock_epoch_passed";
  // Under another key the service would do it once more, or take it for something else it has done.
  const key = frame.idempotencyKey;
  if (key !== null && key !== context.call) return "idempotency_mismatch";
  const sealed = frame.preview === null ? null : previewDigest(sha256, frame.preview);
  if (sealed !== context.preview) return "preview_mismatch";
  if (context.mode === "preview" && (sealed !== null || !canPreview(frame.operation))) {
    return "preview_refused";
  }
  return null;
}

/** What can be done without effect: a safe method, or a write that will be rolled back. */
function canPreview(operation: RequestFrame["operation"]): boolean {
  if ("http" in operation) return isSafe(operation.http.method);
  if ("mcp" in operation) return false;
  return operation.sql.mode === "write" && operation.sql.observe !== undefined;
}
