import { createHash, createHmac } from "node:crypto";
import { join } from "node:path";
import { genesis, link, stamp } from "../src/core/audit/chain.ts";
import type { CallCommand, Command, Settlement } from "../src/core/model/command.ts";
import { canonical } from "../src/core/model/json.ts";
import type { LockTable } from "../src/core/model/lock.ts";
import { decide, inputOf } from "../src/core/session/decide.ts";
import { evolve } from "../src/core/session/evolve.ts";
import { NEW_WORKFLOW } from "../src/core/session/state.ts";
import { generatePrivateJwk, importSigningKey } from "../src/identity/keys.ts";
import { checkBundle } from "../src/policy/bundle/check.ts";
import { readBundleFolder } from "../src/policy/bundle/read-folder.ts";
import { compileBundle } from "../src/policy/compile.ts";

/**
 * What each control costs where it is decided: one core, Acme's bundle with the real engine, no disk and
 * no network. Each line is admission and settlement of one call, with their sealed inputs, events and
 * chain hashes, as a multiple of a plain read in the same run: `npm run bench:decide`.
 */
const ROUNDS = 4_000;
const WARM_UP = 1_000;
const NOW = 1_800_000_000_000;
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const mac = (text: string): string => createHmac("sha256", "bench").update(text).digest("hex");

const files = await readBundleFolder(join(import.meta.dirname, "../examples/acme/bundle"));
const keyed = (files["agents.jsonc"] ?? "").replaceAll('"keys": []', () => {
  const { publicJwk } = importSigningKey(generatePrivateJwk());
  return `"keys": [${JSON.stringify(publicJwk)}]`;
});
const checked = checkBundle({ ...files, "agents.jsonc": keyed });
if (!checked.ok) throw new Error(JSON.stringify(checked.mistakes[0]));
const bundle = compileBundle(checked.bundle);

/** One workflow in memory, of the size that its history gives it. */
class Session {
  state = NEW_WORKFLOW;
  locks: LockTable = { epoch: 0, locks: [], revocations: [] };
  #head = genesis(sha256, "acme", "wf_1");
  #id = 0;

  constructor() {
    const limits = { calls: 1e9, cost: 1e12, runtimeMs: 1e12 };
    const [first, ...others] = bundle.view.trust.filter(({ id }) => id === "refunds");
    if (first === undefined) throw new Error("Acme's bundle trusts nobody with refunds");
    const edge = { ...first, limits, tools: ["*"], maxLifeMs: 8 * 3_600_000 };
    const delegations = bundle.view.delegations.map((one) => ({ ...one, limits }));
    this.#view = { ...bundle.view, trust: [edge, ...others], delegations };
    this.submit({
      ...{ type: "open", tenant: "acme", workflow: "wf_1", seat: "seat_1", human: "h" },
      ...{ claims: { groups: ["support"] }, agent: "support-agent", jkt: "k", purpose: "refund" },
      ...{ key: "own", inputs: {}, keyDigest: "d", live: 0 },
    });
  }
  readonly #view;

  submit(command: Command): ReturnType<typeof decide>["result"] {
    const { evaluator } = bundle;
    const facts = {
      ...{ now: NOW, bundle: this.#view, locks: this.locks, evaluator, hash: sha256, mac },
    };
    const decision = decide(this.state, command, facts, inputOf(command, facts));
    for (const body of decision.events) {
      const event = stamp(body, this.state.next, NOW, "wf_1");
      this.#head = link(sha256, this.#head, canonical(event));
      this.state = evolve(this.state, event);
    }
    return decision.result;
  }

  call(change: Partial<CallCommand>, expect: string): void {
    const id = String(this.#id++);
    const command: CallCommand = {
      ...{ type: "call", call: `call_${id}`, txn: `txn_${id}`, seat: "seat_1" },
      ...{ tool: "customers_find", arguments: { query: "Hopper" } },
      ...{ presenter: { connector: "con_1", session: "s" }, approval: `apr_${id}` },
      ...{ idempotencyKey: null, shaped: shaped(null) },
      ...change,
    };
    const { kind } = this.submit(command);
    if (kind !== expect) throw new Error(`void: ${kind} instead of ${expect}`);
    if (kind !== "admitted") return;
    this.submit({ type: "settle", call: command.call, settlement: ANSWERED, runtimeMs: 3 });
  }
}

const ANSWERED: Settlement = {
  ...{ kind: "answered", redactions: [], dropped: 0, undeclared: 0 },
  ...{ truncated: false, bytes: 400, canaries: 0 },
};

function shaped(operation: string | null, target = "{}"): CallCommand["shaped"] {
  return { ok: true, policyArguments: {}, operation, target, sources: {} };
}

const others = (count: number): LockTable => ({
  ...{ epoch: count, revocations: [] },
  locks: Array.from({ length: count }, (_, n) => ({
    ...{ id: `lck_${n}`, target: "tool", value: `another_${n}` },
  })),
});
const write = (n: number): Partial<CallCommand> => ({
  tool: "tickets_create",
  shaped: shaped(sha256(String(n)), String(n)),
});

/** What happens before it is measured, and the call that is. */
const CASES: readonly (readonly [string, (session: Session) => (n: number) => void])[] = [
  ["a read", (session) => () => session.call({}, "admitted")],
  [
    "a read by a sub-agent: charged to two seats",
    (session) => {
      const limits = { calls: 1e9 };
      const more = { agent: "checker-agent", jkt: "k2", key: "own", call: null, limits } as const;
      session.submit({ type: "seat", parent: "seat_1", seat: "seat_2", ...more });
      return () => session.call({ seat: "seat_2", tool: "invoices_list" }, "admitted");
    },
  ],
  [
    "a read under 100 locks on other things",
    (session) => {
      session.locks = others(100);
      return () => session.call({}, "admitted");
    },
  ],
  ["a write, known again by its operation", (session) => (n) => session.call(write(n), "admitted")],
  [
    "a write that a human has to approve: preview admitted",
    (session) => (n) => {
      // Below the caps on requests and previews.
      const { previews } = NEW_WORKFLOW;
      session.state = { ...session.state, approvals: [], previews };
      const tool = "invoices_refund";
      session.call({ tool, shaped: shaped(sha256(String(n)), String(n)) }, "admitted");
    },
  ],
  [
    "a denial",
    (session) => () => {
      // Below the rate at which refusals are no longer recorded.
      session.state = { ...session.state, refusals: NEW_WORKFLOW.refusals };
      session.call({ tool: "payroll_list" }, "denied");
    },
  ],
];

const measured = CASES.map(([name, prepare]) => {
  const session = new Session();
  const call = prepare(session);
  for (let n = 0; n < WARM_UP; n++) call(n);
  const started = process.cpuUsage();
  for (let n = WARM_UP; n < WARM_UP + ROUNDS; n++) call(n);
  const { user, system } = process.cpuUsage(started);
  return [name, (user + system) / ROUNDS] as const;
});
const [, plain = 1] = measured[0] ?? [];
const width = Math.max(...measured.map(([name]) => name.length));
for (const [name, us] of measured) {
  const times = (us / plain).toFixed(2);
  process.stdout.write(
    `${name.padEnd(width)}  ${us.toFixed(0).padStart(5)} µs  ${times.padStart(5)} ×\n`,
  );
}
