import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Host } from "../host.ts";
import { listLocks, type LockView, unlock } from "./locks.ts";
import type { StoredEvent, Workflow } from "./workflow.ts";
import type { World } from "./world.ts";

/** One rule of `containment` in `bundle.jsonc`. */
export interface Rule {
  readonly id: string;
  readonly signal: string;
  readonly count: number;
  readonly withinSeconds: number;
  readonly then: "lock_workflow" | "lock_subject" | "read_only";
}

const rule = (signal: string, then: Rule["then"], count = 1): Rule => ({
  // oxlint-disable-next-line unicorn/no-thenable -- read as "and then"; nobody awaits a rule
  ...{ id: signal.replaceAll("_", "-"), signal, count, withinSeconds: 600, then },
});
const RULES: readonly Rule[] = [
  rule("token_replayed", "lock_workflow", 3),
  rule("context_mismatch", "lock_subject"),
  rule("key_shared", "lock_subject"),
  rule("canary_tool", "lock_workflow"),
  rule("canary_record", "lock_workflow"),
  rule("denial_burst", "read_only"),
  rule("budget_anomaly", "lock_workflow"),
  rule("tool_drift", "lock_subject"),
  rule("connector_clash", "lock_subject"),
];

/** A copy of a bundle of the laboratory with these rules, a tool and records that are traps. */
export function bundleWith(from: string, to: string, rules: readonly Rule[]): string {
  cpSync(from, to, { recursive: true });
  change(join(to, "bundle.jsonc"), /\}\s*$/, `"containment": ${JSON.stringify(rules)},\n}\n`);
  change(join(to, "tools/lab_text.jsonc"), '"cost": 1,', '"cost": 1, "canary": true,');
  change(
    join(to, "tools/lab_people.jsonc"),
    '"dataClass": "lab.vip",',
    '"dataClass": "lab.vip", "canary": true,',
  );
  return to;
}

function change(path: string, find: string | RegExp, replace: string): void {
  const text = readFileSync(path, "utf8");
  const changed = text.replace(find, replace);
  if (changed === text) throw new Error(`${path} does not contain ${String(find)}`);
  writeFileSync(path, changed);
}

type Event = StoredEvent["event"];

const raised = (events: readonly StoredEvent[]): readonly Event[] =>
  events.map(({ event }) => event).filter(({ type }) => type === "signal.raised");

export async function signalsOf(workflow: Workflow): Promise<readonly Event[]> {
  return raised(await workflow.events());
}

export async function tenantSignals(host: Host, tenant: string): Promise<readonly Event[]> {
  return raised(await host.record(tenant));
}

/** For the cases around it: acme decides under these rules, and each case ends without a lock. */
export function underRules(world: () => World): {
  locks(): Promise<readonly LockView[]>;
  unlockAll(): Promise<void>;
  /** By the rule of this id, and no call of this workflow gets through. */
  expectLocked(workflow: Workflow, rule: string): Promise<void>;
} {
  const locks = async (): Promise<readonly LockView[]> => (await listLocks(world().host)).locks;
  const unlockAll = async (): Promise<void> => {
    for (const held of await locks()) await unlock(world().host, held);
  };
  beforeAll(async () => {
    const { host, bundle, folder } = world();
    const armed = bundleWith(bundle, mkdtempSync(join(folder, "bundle-signals-")), RULES);
    const { code, stdout } = await host.activate("acme", armed);
    expect([code, stdout]).toEqual([0, expect.any(String)]);
  });
  afterEach(unlockAll);
  afterAll(async () => {
    await world().host.activate("acme", world().bundle);
  });
  return {
    locks,
    unlockAll,
    async expectLocked(workflow, rule) {
      const by = `containment:${rule}`;
      const held = (await locks()).find((one) => one.by === by);
      expect(held).toMatchObject({ by, reason: by });
      expect(await workflow.call("lab_note", { text: "x" })).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "locked", ruleIds: [`lock:${held?.lock}`] },
      });
    },
  };
}
