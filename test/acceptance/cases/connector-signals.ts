import { beforeAll, describe, expect, it } from "vitest";
import { signalsOf, tenantSignals, underRules } from "../support/signals.ts";
import type { Frame, Tamper } from "../support/wire.ts";
import { reconnected } from "../support/reconnected.ts";
import { until } from "../support/until.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** What is seen on the far side of the tunnel, or at its end, is contained as fast as all the rest. */
export function connectorSignalCases(world: () => World): void {
  const open = (): Promise<Workflow> =>
    world().acme.open(world().agent, "dana", { purpose: "lab" });
  const note = (workflow: Workflow): Promise<Outcome> => workflow.call("lab_note", { text: "x" });

  describe("signals of services and connectors", () => {
    const { locks, unlockAll, expectLocked } = underRules(world);

    // Gateways died before this: each connector comes back in its own time.
    beforeAll(() => reconnected(world().host));

    it("an answer that the tool's description forbids locks that tool alone", async () => {
      const { lab } = world();
      const workflow = await open();
      lab.script("drifted", { another: "shape" });
      expect(await workflow.call("lab_script", { key: "drifted" })).toMatchObject({
        reason: { code: "output_invalid" },
      });
      const lock = { target: "tool", value: "lab_script" };
      expect(await signalsOf(workflow)).toMatchObject([
        { signal: "tool_drift", containment: { ruleId: "containment:tool-drift", lock } },
      ]);
      expect(await locks()).toMatchObject([lock]);
      expect(await workflow.call("lab_script", { key: "drifted" })).toMatchObject({
        reason: { code: "locked" },
      });
      expect((await note(workflow)).outcome).toBe("ok");
    });

    it("a copy of a call token is done once, and named to its workflow", async () => {
      const { wire, lab } = world();
      const workflow = await open();
      const before = lab.arrivalsAt("/note").length;
      for (let n = 1; n <= 3; n++) {
        const sent: Frame[] = [];
        const keep: Tamper = (frame) => {
          sent.push(frame);
          return [frame];
        };
        const outcome = await wire.holding(keep, () =>
          workflow.call("lab_wired", { text: "once" }),
        );
        expect(outcome.outcome).toBe("ok");
        // Behind the answer: of two that come together either may be the one that is done.
        wire.inject({ ...sent[0]!, id: `copy-${n}` });
        await until("it is a signal", async () => (await signalsOf(workflow)).length === n);
      }
      expect(lab.arrivalsAt("/note")).toHaveLength(before + 3);
      const [first, , third] = await signalsOf(workflow);
      const call = expect.stringMatching(/^call_/) as unknown;
      expect(first).toMatchObject({ signal: "token_replayed", call, containment: null });
      const lock = { target: "workflow", value: workflow.id };
      expect(third).toMatchObject({ containment: { lock } });
      await expectLocked(workflow, "token-replayed");
    });

    it("a call token for another operation pauses the connector whose wire it came over", async () => {
      const { wire } = world();
      const workflow = await open();
      const wired = (): Promise<Outcome> => workflow.call("lab_wired", { text: "x" });
      expect((await wired()).outcome).toBe("ok");
      const [admitted] = (await workflow.events()).filter(
        ({ event }) => event.type === "call.admitted",
      );
      const swapped = await wire.holding(
        (frame) => [{ ...frame, operation: { http: { ...httpOf(frame), query: "text=other" } } }],
        wired,
      );
      // Both are on their way at once: the lock, and the connector's own answer to that request.
      expect(["locked", "token_refused"]).toContain(swapped.reason?.code);
      await until("something is locked", async () => (await locks()).length > 0);
      const lock = { target: "connector", value: admitted?.event["connector"] };
      expect(await locks()).toMatchObject([lock]);
      expect(await signalsOf(workflow)).toMatchObject([
        { signal: "context_mismatch", call: swapped.call, containment: { lock } },
      ]);
      // Only what goes over that wire waits; the workflow goes on.
      expect((await note(workflow)).outcome).toBe("ok");
      expect(await wired()).toMatchObject({ reason: { code: "connector_unavailable" } });
      await unlockAll();
      await until("the connector is back", async () => (await wired()).outcome === "ok");
    });

    it("a second connector with the same key pauses both, until somebody has looked", async () => {
      const { host, lab } = world();
      const workflow = await open();
      lab.open("twins");
      const doomed = (): Promise<Outcome> => workflow.call("lab_doomed", { key: "twins" });
      expect((await doomed()).outcome).toBe("ok");
      const before = (await tenantSignals(host, "acme")).length;
      const twin = host.impersonate("doomed");
      try {
        await until("something is locked", async () => (await locks()).length > 0);
        const [raised] = (await tenantSignals(host, "acme")).slice(before);
        const lock = { target: "connector", value: expect.stringMatching(/^con_/) as unknown };
        expect(raised).toMatchObject({
          ...{ signal: "connector_clash", subject: lock, containment: { lock } },
        });
        expect(await locks()).toMatchObject([lock]);
        expect(await doomed()).toMatchObject({ reason: { code: "connector_unavailable" } });
        expect((await note(workflow)).outcome).toBe("ok");
      } finally {
        await twin.kill();
      }
      await unlockAll();
      await until("the connector is back", async () => (await doomed()).outcome === "ok");
    });

    it("a connector that comes back by itself is none: what it replaces was silent", async () => {
      const { host, lab } = world();
      const workflow = await open();
      lab.open("again");
      const before = (await tenantSignals(host, "acme")).length;
      await host.kill("doomed");
      await host.restart("doomed");
      expect((await workflow.call("lab_doomed", { key: "again" })).outcome).toBe("ok");
      expect((await tenantSignals(host, "acme")).length).toBe(before);
    });
  });
}

function httpOf(frame: Frame): Record<string, unknown> {
  return (frame["operation"] as { http: Record<string, unknown> }).http;
}
