import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  CALL_TOKEN_HEADER,
  CALL_TOKEN_SKEW_S,
  CALL_TOKEN_TYPE,
  POSTERN_HEADERS,
  presenterOf,
  READ_TOKEN_LIFE_S,
  toolScope,
  WRITE_TOKEN_LIFE_S,
} from "./claims.ts";
import { RECORD_FORMAT } from "../audit/chain.ts";
import { FINDINGS, KEY_STANDINGS, SOURCES } from "./command.ts";
import { EVENT_TYPES } from "./event.ts";
import { LOCK_TARGETS } from "./lock.ts";
import { DENIALS, FAILURE_MESSAGES } from "./outcome-message.ts";
import { APPROVAL_CODES, FAILURE_KINDS, FAILURES, POLICY_CODES } from "./outcome.ts";
import { KEY_PURPOSES, KEY_STATES } from "./signing-key.ts";
import { TENANT_EVENT_TYPES, TENANT_STREAM } from "./tenant-event.ts";
import { ACTIONS, POLICY_CLASSES, TIERS } from "./policy.ts";
import { SIGNALS } from "./signal.ts";

/**
 * Names that others see, store or branch on, written out by hand. A change here is a change of a
 * format: it belongs into docs/protocol and CHANGELOG.md, too.
 */
describe("names that others see", () => {
  it("event types", () => {
    expect(EVENT_TYPES).toEqual([
      "workflow.opened",
      "seat.granted",
      "seat.refused",
      "seat.renewed",
      "call.admitted",
      "call.refused",
      "call.settled",
      "call.resent",
      "call.reconciled",
      "approval.decided",
      "approval.refused",
      "usage.reported",
      "signal.raised",
      "checkpoint.saved",
      "workflow.closed",
    ]);
  });

  it("event types of the tenant's own stream", () => {
    expect(TENANT_STREAM).toBe("tenant");
    expect(TENANT_EVENT_TYPES).toEqual([
      "bundle.activated",
      "join.created",
      "connector.enrolled",
      "connector.rotated",
      "connector.drained",
      "connector.removed",
      "exchange.refused",
      "signal.raised",
      "lock.added",
      "lock.removed",
      "lock.expired",
      "lock.drained",
      "key.published",
      "key.rotated",
      "key.retired",
    ]);
  });

  it("purposes and states of the gateway's own keys", () => {
    expect(KEY_PURPOSES).toEqual(["credential", "call"]);
    expect(KEY_STATES).toEqual(["next", "active", "retiring"]);
  });

  it("policy codes", () => {
    expect(POLICY_CODES).toEqual([
      "unknown_tool",
      "tool_not_granted",
      "tool_unreviewed",
      "network_denied",
      "action_denied",
      "data_denied",
      "budget_denied",
      "budget_exhausted",
      "policy_error",
      "locked",
      "seat_unknown",
      "trust_denied",
      "workflow_closed",
      "workflow_expired",
      "approval_rejected",
      "approval_stale",
      "approvals_exhausted",
      "critical_domain_taken",
      "delegation_denied",
      "effect_unknown",
      "read_only",
      "cross_tenant_context",
    ]);
  });

  it("codes of a decision on an approval that was not taken", () => {
    expect(APPROVAL_CODES).toEqual([
      "approval_unknown",
      "approval_expired",
      "approval_over",
      "digest_mismatch",
      "kind_unknown",
      "kind_given",
      "two_kinds",
      "self_approval",
      "not_permitted",
      "may_not_see",
      "workflow_over",
    ]);
  });

  it("signals, sources and findings", () => {
    expect(SIGNALS).toEqual([
      "token_replayed",
      "context_mismatch",
      "key_shared",
      "canary_tool",
      "canary_record",
      "denial_burst",
      "budget_anomaly",
      "tool_drift",
      "connector_clash",
    ]);
    expect(SOURCES).toEqual(["human", "trusted", "untrusted", "unknown"]);
    expect(FINDINGS).toEqual(["never", "committed", "aborted"]);
    expect(KEY_STANDINGS).toEqual(["own", "other_agent", "other_tenant"]);
  });

  it("failure codes, with kind and whether the same call may be sent again", () => {
    const table = Object.entries(FAILURES).map(
      ([code, { kind, retryable }]) => `${code} ${kind} ${retryable ? "retryable" : "final"}`,
    );
    expect(table).toEqual([
      "audit_unavailable internal retryable",
      "busy internal retryable",
      "cancelled internal retryable",
      "internal_error internal final",
      "interrupted internal retryable",
      "locks_unavailable internal retryable",
      "not_dispatched internal retryable",
      "rolled_back upstream retryable",
      "rate_limited policy retryable",
      "policy_unavailable policy retryable",
      "invalid_arguments schema final",
      "idempotency_conflict schema final",
      "output_invalid schema final",
      "deadline_exceeded timeout retryable",
      "connector_unavailable network retryable",
      "connector_lost network retryable",
      "connection_refused network retryable",
      "connection_timeout network retryable",
      "connection_terminated network retryable",
      "dns_error network retryable",
      "destination_not_found network final",
      "destination_ip_prohibited network final",
      "tls_certificate_error network final",
      "token_refused network final",
      "tool_drifted upstream final",
      "preview_too_large upstream final",
      "preview_unavailable upstream retryable",
      "preview_stale upstream final",
      "response_too_large upstream final",
      "upstream_error upstream retryable",
      "upstream_rejected upstream final",
    ]);
    expect(FAILURE_KINDS).toEqual([
      "network",
      "policy",
      "timeout",
      "schema",
      "upstream",
      "internal",
    ]);
  });

  it("classes, actions, tiers, lock targets", () => {
    expect(POLICY_CLASSES).toEqual(["network", "action", "data", "budget"]);
    expect(ACTIONS).toEqual(["read", "summarize", "mutate", "execute"]);
    expect(TIERS).toEqual(["public", "internal", "confidential", "critical"]);
    expect(LOCK_TARGETS).toEqual([
      "tenant",
      "human",
      "agent",
      "key",
      "workflow",
      "tool",
      "definition",
      "destination",
      "connector",
      "bundle",
    ]);
  });

  it("the call token and the format of the record", () => {
    expect(CALL_TOKEN_HEADER).toBe("Txn-Token");
    expect(CALL_TOKEN_TYPE).toBe("txntoken+jwt");
    expect(POSTERN_HEADERS).toEqual(["txn-token", "postern-call"]);
    expect([READ_TOKEN_LIFE_S, WRITE_TOKEN_LIFE_S, CALL_TOKEN_SKEW_S]).toEqual([60, 15, 2]);
    expect(toolScope("customers_find")).toBe("tool:customers_find");
    expect(presenterOf("con_1", "abc")).toBe("con_1/abc");
    expect(RECORD_FORMAT).toBe("postern-record/1");
  });

  it("core's own rule ids", () => {
    const folder = new URL("../session/", import.meta.url);
    const source = readdirSync(folder)
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
      .map((name) => readFileSync(new URL(name, folder), "utf8"))
      .join("\n");
    const ids = [
      ...source.matchAll(/["'`]((?:core|default|trust|delegation|lock|containment):[a-z.-]*)/g),
    ].map(([, id]) => id!);
    expect([...new Set(ids)].sort()).toEqual([
      "containment:",
      "core:approval",
      "core:approval.requester",
      "core:approval.trap",
      "core:budget.calls",
      "core:budget.cost",
      "core:budget.runtime",
      "core:budget.tokens",
      "core:budget.tool",
      "core:call",
      "core:containment",
      "core:cycle",
      "core:fan-out",
      "core:hops",
      "core:idempotency",
      "core:key",
      "core:limits",
      "core:live",
      "core:locks",
      "core:review",
      "core:seat",
      "core:seats",
      "core:tenant",
      "core:tool",
      "core:tool-drift",
      "core:workflow",
      "core:write-domain",
      "default:",
      "default:data",
      "default:delegation",
      "default:trust",
      "delegation:",
      "lock:",
      "trust:",
    ]);
  });
});

describe("words to the agent", () => {
  it("exist for every code, as whole sentences, and say what to do", () => {
    expect(Object.keys(DENIALS).sort()).toEqual([...POLICY_CODES].sort());
    expect(Object.keys(FAILURE_MESSAGES).sort()).toEqual(Object.keys(FAILURES).sort());
    const sentences = Object.values(DENIALS).flatMap(({ message, remedy }) => [message, remedy]);
    for (const sentence of [...sentences, ...Object.values(FAILURE_MESSAGES)]) {
      expect(sentence).toMatch(/^[A-Z][^{}$%<>]{10,}\.$/);
    }
  });

  it("never tell an agent to send again what is final", () => {
    for (const [code, { retryable }] of Object.entries(FAILURES)) {
      const message = FAILURE_MESSAGES[code as keyof typeof FAILURES];
      if (!retryable) expect(message).not.toMatch(/again/i);
    }
  });
});
