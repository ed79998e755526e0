import { describe, expect, it } from "vitest";
import type { TenantSignal } from "../core/session/tenant-signal.ts";
import { CALLER, Bench } from "./testing.ts";
import { raiseByConnector, raiseMisplaced, raiseSignal } from "./signal.ts";

const KEY = { target: "key", value: "thumbprint" } as const;
const signal = "token_replayed";

describe("raising a signal", () => {
  async function started() {
    const bench = await new Bench().open();
    const raised: (TenantSignal & { readonly tenant: string })[] = [];
    const held = new Set(["thumbprint"]);
    const gateway = {
      ...bench.gateway(),
      keys: {
        standing: () => "own" as const,
        holds: (_tenant: string, jkt: string) => held.has(jkt),
      },
      signals: {
        raise: (tenant: string, one: TenantSignal) => {
          raised.push({ tenant, ...one });
          return Promise.resolve();
        },
      },
    };
    const commands = () => [...bench.inputs.values()].map((input) => (input as never)["command"]);
    return { bench, raised, gateway, commands };
  }

  it("of a workflow is that workflow's own event", async () => {
    const { bench, raised, gateway, commands } = await started();
    const at = { workflow: "wf_1", seat: "seat_1" };
    await raiseSignal(gateway, "acme", { signal, at, call: "call_1", subject: KEY });
    expect(bench.log.at(-1)).toBe("signal.raised");
    expect(commands()).toEqual([
      { type: "signal", signal, seat: "seat_1", call: "call_1", subject: KEY },
    ]);
    expect(raised).toEqual([]);
  });

  it("of none is the tenant's", async () => {
    const { bench, raised, gateway } = await started();
    await raiseSignal(gateway, "acme", { signal, at: null, call: null, subject: KEY });
    expect(raised).toEqual([{ tenant: "acme", signal, subject: KEY }]);
    expect(bench.log).not.toContain("signal.raised");
  });

  it("names no key that nobody here has: it would only fill the locks", async () => {
    const { raised, gateway } = await started();
    const subject = { target: "key", value: "made up" } as const;
    await raiseSignal(gateway, "acme", { signal, at: null, call: null, subject });
    expect(raised).toEqual([{ tenant: "acme", signal, subject: null }]);
  });

  it("about another workflow's name is about the key of the seat that asked", async () => {
    const { gateway, commands } = await started();
    await raiseMisplaced(gateway, CALLER);
    expect(commands()).toMatchObject([
      { signal: "context_mismatch", seat: "seat_1", subject: KEY },
    ]);
  });

  it("of a connector about a call is that call's workflow's, and about the connector", async () => {
    const { bench, gateway, commands, raised } = await started();
    const outcome = await bench.call();
    bench.inputs.clear();
    await raiseByConnector(gateway, "acme", "con_1", { signal, call: outcome.call });
    const subject = { target: "connector", value: "con_1" };
    const { call } = outcome;
    expect(commands()).toEqual([{ type: "signal", signal, seat: "seat_1", call, subject }]);
    expect(raised).toEqual([]);
  });

  it("of a connector about a call of nobody, or one that was refused, is none", async () => {
    const { bench, gateway, commands, raised } = await started();
    const { call } = await bench.call("invented");
    bench.inputs.clear();
    await raiseByConnector(gateway, "acme", "con_1", { signal, call });
    await raiseByConnector(gateway, "acme", "con_1", { signal, call: "call_invented" });
    expect([commands(), raised]).toEqual([[], []]);
  });

  it("of a connector about itself is the tenant's", async () => {
    const { gateway, raised } = await started();
    const clash = { signal: "connector_clash", call: null } as const;
    await raiseByConnector(gateway, "acme", "con_1", clash);
    const subject = { target: "connector", value: "con_1" };
    expect(raised).toEqual([{ tenant: "acme", signal: "connector_clash", subject }]);
  });

  it("does not fail with the disk: the request is refused all the same", async () => {
    const { bench, gateway } = await started();
    bench.failCommitOf = "signal.raised";
    const at = { workflow: "wf_1", seat: null };
    await raiseSignal(gateway, "acme", { signal, at, call: null, subject: null });
    await raiseMisplaced(gateway, CALLER);
    expect(bench.log).not.toContain("signal.raised");
  });
});
