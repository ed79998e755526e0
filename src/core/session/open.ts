import type { TrustEdge } from "../model/bundle.ts";
import type { OpenCommand } from "../model/command.ts";
import type { JsonObject } from "../model/json.ts";
import type { PolicyCode } from "../model/outcome.ts";
import { capsKnown, shrink, soundNumbers } from "./budget.ts";
import { type Decision, IGNORED, unrecorded } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { MAX_LIFE_MS } from "./limits.ts";
import { lockRules } from "./locks.ts";
import type { WorkflowState } from "./state.ts";

/** Trust is data: the first edge that covers human, agent, purpose and every tool asked for. */
export function decideOpen(
  state: WorkflowState,
  command: OpenCommand,
  facts: Facts,
  input: string,
): Decision {
  if (state.status !== "new") return IGNORED;
  if (facts.locks === null) return unrecorded({ kind: "failed", code: "locks_unavailable" });
  const locked = lockRules(facts.locks, {
    tenant: command.tenant,
    human: command.human,
    agent: command.agent,
    key: command.jkt,
    bundle: facts.bundle.digest,
  });
  if (locked.length > 0) return denied("locked", locked);
  if (command.key === "other_tenant") return denied("cross_tenant_context", ["core:tenant"]);
  if (command.key === "other_agent") return denied("trust_denied", ["core:key"]);
  if (!soundNumbers(command.lifeMs, command.limits)) return denied("trust_denied", ["core:limits"]);
  const edge = facts.bundle.trust.find((candidate) =>
    covers(candidate, command, facts.bundle.toolIds),
  );
  if (edge === undefined) return denied("trust_denied", ["default:trust"]);
  const rule = `trust:${edge.id}`;
  if (!(command.live < edge.maxLive)) return denied("trust_denied", ["core:live", rule]);
  const granted = toolsOf(edge, facts.bundle.toolIds);
  const tools = command.tools === undefined ? granted : [...new Set(command.tools)].sort();
  if (!capsKnown(command.limits, tools)) return denied("trust_denied", ["core:limits", rule]);
  const expiresAt =
    facts.now + Math.min(command.lifeMs ?? edge.maxLifeMs, edge.maxLifeMs, MAX_LIFE_MS);
  return {
    events: [
      {
        type: "workflow.opened",
        tenant: command.tenant,
        human: command.human,
        agent: command.agent,
        purpose: command.purpose,
        tools,
        limits: shrink(edge.limits, command.limits),
        expiresAt,
        policyVersion: facts.bundle.digest,
        ruleIds: [rule],
        seat: command.seat,
        jkt: command.jkt,
        keyDigest: command.keyDigest,
        lockEpoch: facts.locks.epoch,
        input,
      },
    ],
    result: { kind: "opened", expiresAt, tools },
  };
}

function denied(code: PolicyCode, ruleIds: readonly string[]): Decision {
  return unrecorded({ kind: "denied", code, policyClass: null, ruleIds });
}

function covers(edge: TrustEdge, command: OpenCommand, all: readonly string[]): boolean {
  const granted = toolsOf(edge, all);
  const claims = Object.entries(edge.claims);
  return (
    // An edge that names no claim would cover every human of the identity provider.
    claims.length > 0 &&
    edge.agents.includes(command.agent) &&
    edge.purposes.includes(command.purpose) &&
    claims.every(([name, values]) => holds(command.claims, name, values)) &&
    (command.tools ?? []).every((tool) => granted.includes(tool))
  );
}

function toolsOf(edge: TrustEdge, all: readonly string[]): readonly string[] {
  return edge.tools.includes("*") ? all : all.filter((tool) => edge.tools.includes(tool));
}

/** A claim that is missing, empty or of another type holds nothing. */
function holds(claims: JsonObject, name: string, values: readonly string[]): boolean {
  const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
  const has: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return has.some((one) => typeof one === "string" && values.includes(one));
}
