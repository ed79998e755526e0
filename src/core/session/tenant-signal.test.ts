import { describe, expect, it } from "vitest";
import type { ContainmentRule } from "../model/bundle.ts";
import type { SignalCode } from "../model/signal.ts";
import { MAX_RULE_MS, MAX_SIGNALS, MAX_TENANT_SIGNALS, REFUSAL_WINDOW_MS } from "./limits.ts";
import { judgeTenantSignal, type RaisedSignals, type TenantSignal } from "./tenant-signal.ts";

const KEY = { target: "key", value: "thumbprint" } as const;
const OTHER = { target: "key", value: "another" } as const;

function rule(
  signal: SignalCode,
  then: ContainmentRule["then"],
  more: Partial<ContainmentRule> = {},
): ContainmentRule {
  // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
  return { id: `on-${signal}`, signal, count: 1, withinMs: 60_000, then, ...more };
}

/** The signals of one tenant under these rules, one after the other. */
class Tenant {
  now = 1_800_000_000_000;
  raised: RaisedSignals = [];
  readonly #rules: readonly ContainmentRule[];

  constructor(...rules: readonly ContainmentRule[]) {
    this.#rules = rules;
  }

  raise(signal: SignalCode, subject: TenantSignal["subject"] = KEY) {
    const verdict = judgeTenantSignal(this.raised, { signal, subject }, this.#rules, this.now);
    if (verdict === null) return "flood";
    this.raised = verdict.raised;
    return verdict.containment;
  }
}

describe("a signal of no workflow", () => {
  it("has no consequence without a rule of its kind", () => {
    expect(new Tenant().raise("key_shared")).toBe(null);
    expect(new Tenant(rule("tool_drift", "lock_subject")).raise("key_shared")).toBe(null);
  });

  it.each(["lock_subject", "lock_workflow"] as const)("locks its subject by %s", (then) => {
    const tenant = new Tenant(rule("key_shared", then));
    expect(tenant.raise("key_shared")).toEqual({ ruleId: "containment:on-key_shared", lock: KEY });
  });

  it("locks nothing that its evidence does not authenticate", () => {
    const tenant = new Tenant(rule("token_replayed", "lock_workflow"));
    expect(tenant.raise("token_replayed", null)).toBe(null);
    expect(tenant.raised).toHaveLength(1);
  });

  it("steps nobody down to reading, and lets the rule behind that one act", () => {
    const reading = rule("key_shared", "read_only", { id: "reading" });
    expect(new Tenant(reading).raise("key_shared")).toBe(null);
    expect(new Tenant(reading, rule("key_shared", "lock_subject")).raise("key_shared")).toEqual({
      ruleId: "containment:on-key_shared",
      lock: KEY,
    });
  });

  it("counts with those about the same thing, and not with others", () => {
    const tenant = new Tenant(rule("key_shared", "lock_subject", { count: 3, withinMs: 1_000 }));
    expect(tenant.raise("key_shared")).toBe(null);
    expect(tenant.raise("key_shared", OTHER)).toBe(null);
    expect(tenant.raise("key_shared", null)).toBe(null);
    expect(tenant.raise("connector_clash")).toBe(null);
    expect(tenant.raise("key_shared")).toBe(null);
    tenant.now += 1_001;
    expect(tenant.raise("key_shared")).toBe(null);
    tenant.now += 500;
    expect(tenant.raise("key_shared")).toBe(null);
    expect(tenant.raise("key_shared")).toMatchObject({ lock: KEY });
  });

  it("is remembered for as long as a rule may look back, and no longer", () => {
    const tenant = new Tenant(
      rule("key_shared", "lock_subject", { count: 2, withinMs: MAX_RULE_MS }),
    );
    tenant.raise("key_shared");
    tenant.now += MAX_RULE_MS;
    expect(tenant.raise("key_shared")).toMatchObject({ lock: KEY });
    tenant.now += MAX_RULE_MS + 1;
    expect(tenant.raise("key_shared")).toBe(null);
    expect(tenant.raised).toHaveLength(1);
  });

  it("fills no disk: so many of one thing in a window, and so many of one kind", () => {
    const tenant = new Tenant();
    for (let n = 0; n < MAX_SIGNALS; n++) expect(tenant.raise("token_replayed")).toBe(null);
    expect(tenant.raise("token_replayed")).toBe("flood");
    for (let n = MAX_SIGNALS; n < MAX_TENANT_SIGNALS; n++) {
      expect(tenant.raise("token_replayed", { target: "key", value: String(n) })).toBe(null);
    }
    expect(tenant.raise("token_replayed", OTHER)).toBe("flood");
    expect(tenant.raise("key_shared", OTHER)).toBe(null);
    tenant.now += REFUSAL_WINDOW_MS;
    expect(tenant.raise("token_replayed")).toBe(null);
  });

  it("takes no more memory about one thing than a rule can count", () => {
    const tenant = new Tenant(rule("key_shared", "lock_subject", { count: MAX_SIGNALS }));
    for (let n = 0; n < 3 * MAX_SIGNALS; n++) {
      if (n % MAX_SIGNALS === 0) tenant.now += REFUSAL_WINDOW_MS;
      tenant.raise("key_shared");
    }
    expect(tenant.raised).toHaveLength(MAX_SIGNALS);
    expect(tenant.raise("key_shared")).toBe("flood");
  });
});
