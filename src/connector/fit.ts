import type { CallContext } from "../core/model/claims.ts";
import { previewDigest } from "../core/model/operation.ts";
import type { RequestFrame } from "../tunnel/protocol.ts";
import { isSafe, sha256 } from "./allow.ts";

export const MISFITS = [
  "preview_mismatch",
  "preview_refused",
  "idempotency_mismatch",
  "lock_epoch_passed",
] as const;
export type Misfit = (typeof MISFITS)[number];

/**
 * Whether a good token is good for this frame, now: what the operation's digest does not cover.
 * `epoch`: the highest lock epoch this session has heard of. Null: it is.
 */
export function misfitOf(
  context: Pick<CallContext, "call" | "mode" | "preview" | "lock_epoch">,
  frame: Pick<RequestFrame, "operation" | "preview" | "idempotencyKey">,
  epoch: number,
): Misfit | null {
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
