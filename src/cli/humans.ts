import type { ApprovalRequest, Outcome } from "../core/model/outcome.ts";
import type { UndoRefused } from "../sdk/client.ts";
import { printable } from "./output.ts";

/**
 * Asks once, and where humans have to decide says so before it waits for them: a command that is silent
 * for half an hour looks dead. On standard error, so that what is printed stays the answer alone.
 */
export async function waitingForHumans<T extends Outcome | UndoRefused>(
  ask: (untilDecided: boolean) => Promise<T>,
): Promise<T> {
  const first = await ask(false);
  if (!("outcome" in first) || first.outcome !== "human_approval_required") return first;
  process.stderr.write(`${noticeOf(first.approval)}\n`);
  return ask(true);
}

export function noticeOf({ id, kinds, expiresAt, summary, url }: ApprovalRequest): string {
  return [
    `waiting until ${expiresAt} for humans to approve (${kinds.join(", ")}):`,
    `  ${printable(summary)}`,
    `  postern approval show ${id} --as PROFILE   (${printable(url)})`,
  ].join("\n");
}
