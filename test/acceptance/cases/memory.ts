import { describe, expect, it } from "vitest";
import { watching } from "../support/memory.ts";
import type { World } from "../support/world.ts";

/** Growth that a gigabyte may cause in either process; see docs on bounded bodies. */
const MAX_GROWTH_BYTES = 64 * 1_024 * 1_024;

/** What a service sends never decides how much memory we use. */
export function memoryCases(world: () => World): void {
  describe("a gigabyte", () => {
    it("is cut at the tool's cap, and memory stays flat", async () => {
      const { acme, agent, host } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      const watched = ["gateway", "internal"].map((name) => {
        const process = host.processes.get(name);
        if (process === undefined) throw new Error(`no process ${name}`);
        return process;
      });
      // Once before: what any first answer of this size needs is not growth.
      await workflow.call("lab_huge", { form: "chunked" });
      const peaks = watching(watched);
      for (const form of ["chunked", "declared", "chunked"]) {
        expect(await workflow.call("lab_huge", { form })).toMatchObject({
          outcome: "failed",
          reason: { code: "response_too_large" },
        });
      }
      for (const { name, before, peak, after } of peaks.end()) {
        expect(peak - before, `${name} grew`).toBeLessThan(MAX_GROWTH_BYTES);
        expect(after - before, `${name} kept`).toBeLessThan(MAX_GROWTH_BYTES);
      }
      expect((await workflow.call("lab_note", { text: "small again" })).outcome).toBe("ok");
    });
  });
}
