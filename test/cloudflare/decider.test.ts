import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestHarness, type TestHarness } from "wrangler";
import { afterAll, beforeAll, expect, it } from "vitest";
import { simulate } from "../simulation/simulation.ts";
import { COMPATIBILITY } from "./compatibility.ts";
import type { History } from "./decider.ts";
import { wranglerHome } from "./workers.ts";

const COMMANDS = 10_000;

interface Recorded extends History {
  readonly hashes: readonly string[];
}

/** Whole histories of the simulation, with all that can happen to one, until there are enough. */
function recordedOnNode(): readonly Recorded[] {
  const recorded: Recorded[] = [];
  let commands = 0;
  for (let seed = 1; commands < COMMANDS; seed++) {
    for (const [workflow, entries] of simulate(seed).workflows) {
      commands += entries.length;
      recorded.push({
        tenant: entries[0]!.tenant,
        workflow,
        inputs: entries.map(({ input }) => input),
        hashes: entries.map(({ stored }) => stored.hash),
      });
    }
  }
  return recorded;
}

const folder = mkdtempSync(join(tmpdir(), "postern-decider-"));
let histories: readonly Recorded[];
let harness: TestHarness;
beforeAll(async () => {
  Object.assign(process.env, wranglerHome(folder));
  histories = recordedOnNode();
  const main = fileURLToPath(new URL("decider.ts", import.meta.url));
  harness = createTestHarness({
    workers: [{ config: { name: "decider", main, ...COMPATIBILITY } }],
  });
  await harness.listen();
});
afterAll(async () => {
  await harness?.close();
  rmSync(folder, { recursive: true });
});

it(`decides ${COMMANDS} recorded commands in workerd as it did on Node, to the hash`, async () => {
  for (const { hashes, ...history } of histories) {
    const response = await harness.fetch("/", { method: "POST", body: JSON.stringify(history) });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(hashes);
  }
  const inputs = histories.flatMap((history) => history.inputs);
  expect(inputs.length).toBeGreaterThanOrEqual(COMMANDS);
});

it("would notice: one changed input changes the hash of its event and of all after it", async () => {
  const { hashes, inputs, ...place } = histories[0]!;
  const at = Math.floor(inputs.length / 2);
  const input = JSON.parse(inputs[at]!) as { facts: { now: number } };
  input.facts.now++;
  const changed = inputs.with(at, JSON.stringify(input));
  const body = JSON.stringify({ ...place, inputs: changed });
  const response = await harness.fetch("/", { method: "POST", body });
  const decided = (await response.json()) as string[];
  expect(decided.slice(0, at)).toEqual(hashes.slice(0, at));
  for (const [n, hash] of hashes.slice(at).entries()) expect(decided[at + n]).not.toBe(hash);
});
