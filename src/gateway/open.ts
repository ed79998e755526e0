import type { Limits } from "../core/model/bundle.ts";
import type { JsonObject } from "../core/model/json.ts";
import { DENIALS, FAILURE_MESSAGES } from "../core/model/outcome-message.ts";
import type { PolicyReason } from "../core/model/outcome.ts";
import { AuditUnavailable, type Gateway } from "./ports.ts";
import { lookedUp } from "./record.ts";

/** Verified by identity before it comes here: both signatures, both single uses, the proof. */
export interface OpenRequest {
  readonly tenant: string;
  /** Tenant-keyed pseudonym. */
  readonly human: string;
  readonly claims: JsonObject;
  readonly agent: string;
  readonly jkt: string;
  readonly purpose: string;
  readonly tools?: readonly string[];
  readonly limits?: Partial<Limits>;
  readonly lifeMs?: number;
  readonly inputs: JsonObject;
}

export type OpenResult =
  | {
      readonly kind: "opened";
      readonly workflow: string;
      readonly seat: string;
      readonly tools: readonly string[];
      readonly expiresAt: number;
    }
  | { readonly kind: "denied"; readonly reason: PolicyReason }
  | { readonly kind: "unavailable"; readonly message: string };

/** A human starts an agent: trust decides, the workflow's first event records it. */
export async function openWorkflow(gateway: Gateway, request: OpenRequest): Promise<OpenResult> {
  const { tenant, ...open } = request;
  const policyVersion = gateway.bundles.active(tenant)?.view.digest;
  if (policyVersion === undefined) return unavailable("policy_unavailable");
  const workflow = gateway.system.id("wf");
  const seat = gateway.system.id("seat");
  try {
    const session = gateway.sessions.create(tenant, workflow);
    const { keyDigest } = session;
    // In the same turn as the decision, both: who came a moment ago counts.
    const key = gateway.keys.standing(tenant, open.agent, open.jkt);
    const { result } = await session.submit({
      type: "open",
      ...open,
      tenant,
      workflow,
      seat,
      keyDigest,
      key,
      live: gateway.sessions.live(tenant, open.human, open.agent),
    });
    if (result.kind === "opened") {
      return { kind: "opened", workflow, seat, tools: result.tools, expiresAt: result.expiresAt };
    }
    if (result.kind === "denied") {
      const { code, ruleIds } = result;
      // Proved just now by somebody who is not its owner: the key itself is what is to be locked.
      if (key !== "own") {
        const subject = { target: "key", value: open.jkt } as const;
        await gateway.signals.raise(tenant, { signal: "key_shared", subject });
      }
      await gateway.refusals.exchange(tenant, { agent: request.agent, code, ruleIds });
      const { message } = DENIALS[code];
      return { kind: "denied", reason: { code, ruleIds, policyVersion, message } };
    }
    return unavailable(result.kind === "failed" ? result.code : "internal_error");
  } catch (error) {
    if (error instanceof AuditUnavailable) return unavailable("audit_unavailable");
    throw error;
  }
}

function unavailable(code: keyof typeof FAILURE_MESSAGES): OpenResult {
  return { kind: "unavailable", message: FAILURE_MESSAGES[code] };
}

export type RenewResult =
  | { readonly kind: "renewed"; readonly expiresAt: number; readonly tools: readonly string[] }
  | { readonly kind: "refused" }
  | { readonly kind: "unavailable" };

/** A new credential for a living seat, presented by the key the seat is bound to. */
export async function renewSeat(
  gateway: Gateway,
  request: {
    readonly tenant: string;
    readonly workflow: string;
    readonly seat: string;
    readonly agent: string;
    readonly human: string;
    readonly jkt: string;
  },
): Promise<RenewResult> {
  try {
    const session = await lookedUp(gateway, request);
    const seat = session?.state.seats[request.seat];
    if (session === null || seat === undefined) return { kind: "refused" };
    // The credential only names the seat: whose it is, the record says.
    if (seat.agent !== request.agent || seat.jkt !== request.jkt) return { kind: "refused" };
    if (session.state.human !== request.human) return { kind: "refused" };
    const { result } = await session.submit({ type: "renew", seat: seat.id });
    if (result.kind === "failed") return { kind: "unavailable" };
    if (result.kind !== "done") return { kind: "refused" };
    return { kind: "renewed", expiresAt: seat.expiresAt, tools: seat.tools };
  } catch (error) {
    if (error instanceof AuditUnavailable) return { kind: "unavailable" };
    throw error;
  }
}
