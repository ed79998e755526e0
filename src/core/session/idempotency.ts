import type { Subject } from "./approval.ts";
import type { Facts } from "./facts.ts";
import { type Approval, type InFlight, type KeyedCall, type WorkflowState } from "./state.ts";

/**
 * The call that this one is sent again for. With an idempotency key: whatever became of the first.
 * Without: any identical one in flight, or the one that carries out their common approval. `unknown`:
 * an identical call of which nobody knows whether it took effect; another one could double it.
 */
export function duplicateOf(
  state: WorkflowState,
  subject: Subject,
  approval: Approval | undefined,
  { now, bundle }: Pick<Facts, "now" | "bundle">,
):
  | { readonly kind: "joined"; readonly call: string }
  | { readonly kind: "conflict" }
  | { readonly kind: "unknown"; readonly call: string }
  | null {
  if (subject.idempotency !== null) {
    const known = findKeyed(state, subject.tool, subject.idempotency);
    if (known !== undefined) {
      // Another seat may see less of the same result: a key it guessed must not get it more.
      return known.seat === subject.seat && known.operation === subject.operation
        ? { kind: "joined", call: known.call }
        : { kind: "conflict" };
    }
    if (isAskedFor(state, subject, bundle.digest, now)) return { kind: "conflict" };
  }
  // Who names no key says nothing of being another call: a retry that lost its key is one, too.
  const unnamed = subject.idempotency === null;
  const same = (call: InFlight): boolean =>
    call.tool === subject.tool &&
    call.operation === subject.operation &&
    (call.idempotency === subject.idempotency || (unnamed && call.mode === "execute"));
  const inFlight = state.inFlight.find((call) => call.seat === subject.seat && same(call));
  if (inFlight !== undefined) return { kind: "joined", call: inFlight.call };
  const executed = carriedOut(approval);
  if (executed !== null) return executed;
  // Of any seat: the effect that nobody knows of is the same, whoever sent it.
  const unknown = state.unknown.find(same);
  return unknown === undefined ? null : { kind: "unknown", call: unknown.call };
}

/** Humans are asked, or about to be, for another call under this key: it would be taken from that one. */
function isAskedFor(
  state: WorkflowState,
  subject: Subject,
  policyVersion: string,
  now: number,
): boolean {
  const asked = state.approvals.filter(
    (one) =>
      (one.status === "pending" || one.status === "approved") &&
      now < one.expiresAt &&
      one.policyVersion === policyVersion,
  );
  const previews = state.inFlight.filter(({ mode }) => mode === "preview");
  return [...asked, ...previews].some(
    (one) =>
      one.tool === subject.tool &&
      one.idempotency === subject.idempotency &&
      (one.seat !== subject.seat || one.operation !== subject.operation),
  );
}

/** One approval, one execution: also of a read that is sent again. */
export function carriedOut(
  approval: Approval | undefined,
): { readonly kind: "joined"; readonly call: string } | null {
  return approval?.status === "used" && approval.usedBy !== null
    ? { kind: "joined", call: approval.usedBy }
    : null;
}

function findKeyed(state: WorkflowState, tool: string, key: string): KeyedCall | undefined {
  const place = keyPlace(tool, key);
  return Object.hasOwn(state.keys, place) ? state.keys[place] : undefined;
}

/** Keys belong to one tool: tool ids hold no slash. */
export function keyPlace(tool: string, key: string): string {
  return `${tool}/${key}`;
}
