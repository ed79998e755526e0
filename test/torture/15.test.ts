import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import type { LockView } from "../acceptance/support/locks.ts";
import { tenantSignals, underRules } from "../acceptance/support/signals.ts";
import { until } from "../acceptance/support/until.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { figure, SEED } from "./checked.ts";
import { second } from "./pair.ts";
import { budgetHolds, chainHolds, connected, effectsHold } from "./witnesses.ts";

const LIE = {
  ...{ ok: true, status: 200, contentType: "application/json", encoding: "utf8" },
  ...{ body: JSON.stringify({ text: "CANARY of a liar" }), truncated: false },
};

/** Torture 15: a connector answers another call's id → dropped, signal. */
describe(`torture 15: a connector answers for others (seed ${SEED})`, () => {
  const host: NodeHost = nodeHost();
  let world: World;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, {
      wired: true,
      connectors: (lab) => [second(lab)],
    });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });
  const { locks } = underRules(() => world);

  it("no call of another connector hears it, and the rules pause the liar alone", async () => {
    const { lab, wire, acme, agent } = world;
    const workflow = await acme.open(agent, "dana", { purpose: "lab" });
    await connected(workflow);
    // Least to do takes the next: half of these wait behind either connector.
    const keys = Array.from({ length: 8 }, (_, n) => `held-${n}`);
    const held = keys.map((key) => workflow.call("lab_gate", { key }));
    await Promise.all(keys.map((key) => lab.waiting(key)));
    const at = new Map(
      (await workflow.events()).flatMap(({ event }) =>
        event.type === "call.admitted" ? [[event["call"], event["connector"]]] : [],
      ),
    );
    const connectors = new Set(at.values());
    expect(connectors.size).toBe(2);

    // On the wire of the first: answers to ids that are open at the second one, or at nobody.
    let lies = 0;
    let sent: ((frame: { t: string; id: string; answer: object }) => void) | null = null;
    wire.mangle = (frame, forward) => {
      const fromConnector = frame.t === "beat" && !("now" in frame);
      if (fromConnector && sent === null) {
        sent = (lie) => forward(lie);
        for (let id = 100; id < 120; id++, lies++) sent({ t: "answer", id: `${id}`, answer: LIE });
      }
      forward(frame);
    };
    let lock: LockView | undefined;
    await until("a lock", async () => ([lock] = await locks()).length > 0, 60);
    wire.mangle = null;
    for (const key of keys) lab.open(key);
    expect(lock).toMatchObject({ target: "connector", by: "containment:context-mismatch" });
    expect(connectors).toContain(lock?.value);
    const signals = await tenantSignals(host, "acme");
    expect(signals[0]).toMatchObject({
      signal: "context_mismatch",
      subject: { target: "connector", value: lock?.value },
    });
    figure("lies", lies);
    figure("signals", signals.length);

    const outcomes = await Promise.all(held);
    expect(JSON.stringify(outcomes)).not.toContain("CANARY");
    for (const outcome of outcomes) {
      const honest = at.get(outcome.call) !== lock?.value;
      if (honest) expect(outcome.outcome).toBe("ok");
    }
    expect((await workflow.call("lab_note", { text: "goes on" })).outcome).toBe("ok");
    const events = await workflow.events();
    effectsHold(lab.arrivals, events);
    chainHolds(workflow, events);
    await budgetHolds(workflow);
  });
});
