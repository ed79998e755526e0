import { createHash } from "node:crypto";
import { join } from "node:path";
import type { LockTable } from "../src/core/model/lock.ts";
import {
  NEW_WORKFLOW,
  NOTHING_USED,
  type Seat,
  type WorkflowState,
} from "../src/core/session/state.ts";
import { generatePrivateJwk, importSigningKey } from "../src/identity/keys.ts";
import { checkBundle } from "../src/policy/bundle/check.ts";
import { readBundleFolder } from "../src/policy/bundle/read-folder.ts";
import { compileBundle } from "../src/policy/compile.ts";
import { gatewayBundle } from "../src/tools/bundle.ts";
import { findTools, selectTools } from "../src/tools/selection.ts";

/**
 * How long a seat waits to be told which of 1,000 tools it may call, and which of them fit a task: the real
 * policy engine, one core, no network. `npm run bench:select`.
 */
const TOOLS = 1_000;
const ROUNDS = 500;
/** In force at a time; each holds one of the tools. */
const LOCKS = 100;
const VERBS = ["Read", "List", "Count", "Archive", "Translate", "Summarise", "Compare", "Check"];
const NOUNS = [
  "invoice",
  "shelf",
  "contract",
  "customer",
  "delivery",
  "address",
  "holiday",
  "order",
];

const files = await readBundleFolder(join(import.meta.dirname, "bundle"));
const note = files["tools/note_read.jsonc"] ?? "";
const many = Object.fromEntries(
  Array.from({ length: TOOLS }, (_, n) => {
    const [verb, noun] = [VERBS[n % 8]!, NOUNS[(n >> 3) % 8]!];
    const id = `${verb.toLowerCase()}_${noun}_${n}`;
    const text = note
      .replace('"note_read"', `"${id}"`)
      .replace("Read a note", `${verb} the ${noun}`)
      .replace(
        "One note by its id.",
        `${verb}s one ${noun} of department ${n >> 6} by its number.`,
      );
    return [`tools/${id}.jsonc`, text];
  }),
);
const { publicJwk } = importSigningKey(generatePrivateJwk());
const agents = (files["agents.jsonc"] ?? "").replaceAll(
  '"keys": []',
  () => `"keys": [${JSON.stringify(publicJwk)}]`,
);
const checked = checkBundle({ ...files, ...many, "agents.jsonc": agents });
if (!checked.ok) throw new Error(JSON.stringify(checked.mistakes[0]));
const compiled = compileBundle(checked.bundle);
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const seat: Seat = {
  ...{ id: "seat_1", agent: "bench-agent", jkt: "k", parent: null, depth: 0, call: null },
  ...{
    limits: { calls: 9, cost: 9, runtimeMs: 9 },
    used: NOTHING_USED,
    expiresAt: 1,
    lockEpoch: 1,
  },
  tools: compiled.view.toolIds,
};
const state: WorkflowState = {
  ...NEW_WORKFLOW,
  ...{ tenant: "acme", workflow: "wf_1", human: "h", purpose: "bench", trust: "bench" },
  seats: { seat_1: seat },
};
const locks: LockTable = { epoch: 1, locks: [], revocations: [] };

/** Milliseconds: the first time in this process, the median and the longest of the others. */
function timed(work: (round: number) => number): readonly [number, number, number] {
  const times = Array.from({ length: ROUNDS + 1 }, (_, round) => {
    const started = performance.now();
    if (work(round) === 0) throw new Error("nothing was found");
    return performance.now() - started;
  });
  const [first = 0, ...others] = times;
  const sorted = others.toSorted((a, b) => a - b);
  return [first, sorted[ROUNDS >> 1] ?? 0, sorted.at(-1) ?? 0];
}

/** Of every round its own: a lock was set, or data of another class has flowed in. */
const locksOf = (round: number): LockTable => ({
  ...{ epoch: 2 + round, revocations: [] },
  locks: Array.from({ length: LOCKS }, (_, n) => ({
    ...{ id: `lck_${n}`, target: "tool" as const },
    value: compiled.view.toolIds[(n + round) % TOOLS]!,
  })),
});
const labelled = (round: number): WorkflowState => ({ ...state, labels: [`label-${round}`] });
const TASK = "compare the contract of a customer";

const compiling = performance.now();
const bundle = gatewayBundle(compiled, sha256);
process.stdout.write(`compiled once, ms ${(performance.now() - compiling).toFixed(0)}\n`);
const rows = [
  ["list, another lock", timed((n) => selectTools(bundle, state, seat, locksOf(n)).length)],
  ["list, another label", timed((n) => selectTools(bundle, labelled(n), seat, locks).length)],
  ["list, again", timed(() => selectTools(bundle, state, seat, locks).length)],
  [
    "find, another lock",
    timed((n) => findTools(bundle, state, seat, locksOf(TOOLS + n), TASK).length),
  ],
  ["find, again", timed(() => findTools(bundle, state, seat, locks, TASK).length)],
] as const;
process.stdout.write(`${TOOLS} tools, ms         first  median  longest\n`);
for (const [name, times] of rows) {
  const cells = times.map((ms) => ms.toFixed(2).padStart(7)).join(" ");
  process.stdout.write(`${name.padEnd(21)}${cells}\n`);
}
