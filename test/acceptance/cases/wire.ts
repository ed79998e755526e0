import { describe, expect, it } from "vitest";
import type { Frame, Tamper } from "../support/wire.ts";
import type { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** The connector believes a call token, not the wire it came over. */
export function wireCases(world: () => World): void {
  describe("somebody on the wire between gateway and connector", () => {
    const open = (): Promise<Workflow> =>
      world().acme.open(world().agent, "dana", { purpose: "lab" });
    const operation = (frame: Frame): Record<string, unknown> =>
      (frame["operation"] as { http: Record<string, unknown> }).http;
    const http =
      (change: (of: Record<string, unknown>) => object): Tamper =>
      (frame) => [
        { ...frame, operation: { http: { ...operation(frame), ...change(operation(frame)) } } },
      ];

    it("who only listens changes nothing", async () => {
      const workflow = await open();
      expect((await workflow.call("lab_wired", { text: "hello" })).outcome).toBe("ok");
      expect((await workflow.call("lab_change_wired", { text: "hello" })).outcome).toBe("ok");
    });

    it.each<[string, string, Tamper]>([
      ["another query", "lab_wired", http(() => ({ query: "text=forged" }))],
      ["another path", "lab_wired", http(() => ({ path: "/status/200" }))],
      ["another method", "lab_wired", http(() => ({ method: "POST" }))],
      ["another body", "lab_change_wired", (frame) => [{ ...frame, body: '{"text":"forged"}' }]],
      [
        "another body with its digest",
        "lab_change_wired",
        (frame) =>
          http(() => ({ contentDigest: "0".repeat(64) }))({ ...frame, body: '{"text":"forged"}' }),
      ],
      ["no token", "lab_wired", (frame) => [{ ...frame, token: "" }]],
      [
        "a token without its signature",
        "lab_wired",
        (frame) => [{ ...frame, token: String(frame["token"]).replace(/\.[^.]+$/, ".") }],
      ],
    ])("who puts in %s is refused, and nothing happens", async (_, tool, tamper) => {
      const { wire, lab } = world();
      const workflow = await open();
      const before = lab.arrivals.length;
      const outcome = await wire.holding(tamper, () => workflow.call(tool, { text: "honest" }));
      expect(outcome.outcome).toBe("failed");
      expect(["token_refused", "destination_not_found", "connector_lost"]).toContain(
        outcome.reason?.code,
      );
      expect(lab.arrivals).toHaveLength(before);
    });

    it("who sends a request twice gets it done once", async () => {
      const { wire, lab } = world();
      const workflow = await open();
      const before = lab.arrivals.length;
      const twice: Tamper = (frame) => [frame, { ...frame, id: "9999999" }];
      const outcome = await wire.holding(twice, () =>
        workflow.call("lab_change_wired", { text: "once" }),
      );
      // Either copy may be the one that is spent; the other is refused.
      if (outcome.outcome !== "ok") expect(outcome.reason?.code).toBe("token_refused");
      // Whatever came of the copy would be there before the answer to the next.
      expect((await workflow.call("lab_wired", { text: "after" })).outcome).toBe("ok");
      expect(lab.arrivals).toHaveLength(before + 2);
    });

    it("who puts an earlier, spent request in the place of a new one is refused", async () => {
      const { wire, lab } = world();
      const workflow = await open();
      let earlier: Frame | null = null;
      const keep: Tamper = (frame) => [(earlier = frame)];
      await wire.holding(keep, () => workflow.call("lab_wired", { text: "one" }));
      const before = lab.arrivals.length;
      const swap: Tamper = (frame) => [{ ...earlier, id: frame["id"], t: "request" }];
      const outcome = await wire.holding(swap, () => workflow.call("lab_wired", { text: "two" }));
      expect(outcome).toMatchObject({ outcome: "failed", reason: { code: "token_refused" } });
      expect(lab.arrivals).toHaveLength(before);
    });
  });
}
