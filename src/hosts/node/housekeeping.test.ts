import { expect, it } from "vitest";
import { housekeeping } from "./housekeeping.ts";
import { callCommand, hostOn, openCommand, temporaryFolder } from "./testing.ts";

const NOW = Date.UTC(2026, 10, 22);
const DAY_MS = 24 * 60 * 60 * 1_000;

it("takes away outcomes that have run out, and no input", async () => {
  using folder = temporaryFolder();
  using host = hostOn(folder.path, { now: () => NOW });
  const session = host.sessions.create("acme", "wf_1");
  await session.submit(openCommand("wf_1", session.keyDigest));
  await session.submit(callCommand("call_1"));
  const settlement = { kind: "failed", code: "upstream_error", effect: "none" } as const;
  const settle = { type: "settle", call: "call_1", settlement, runtimeMs: 1 } as const;
  await session.submit(settle, () => ({ outcome: "kept" }));
  expect(await session.kept("call_1", "outcome")).toBe("kept");

  let sweep: () => void = () => undefined;
  let now = NOW;
  const clock = {
    now: () => now,
    elapsed: () => 0,
    after: (_ms: number, run: () => void) => {
      sweep = run;
      return () => undefined;
    },
  };
  using _ = housekeeping(host.folder.db, clock);
  sweep();
  expect(await session.kept("call_1", "outcome")).toBe("kept");
  now += 2 * DAY_MS;
  sweep();
  expect(await session.kept("call_1", "outcome")).toBeNull();
  const { left } = host.folder.db.prepare("SELECT count(*) AS left FROM sealed").get() as {
    left: number;
  };
  expect(left).toBe(3);
});
