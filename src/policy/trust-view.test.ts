import { describe, expect, it } from "vitest";
import type { LockTable } from "../core/model/lock.ts";
import { bundleOf, DOWN, EDGE, sha256 } from "../core/testing.ts";
import { trustView, whoCan } from "./trust-view.ts";

const BUNDLE = bundleOf(undefined, [EDGE], sha256("bundle"), { delegations: [DOWN] });
const locked = (...locks: LockTable["locks"]): LockTable => ({ epoch: 7, locks, revocations: [] });
const lock = (target: LockTable["locks"][number]["target"], value: string) => ({
  id: `lck_${target}`,
  target,
  value,
});

describe("trust, as a person sees it", () => {
  it("is what the active bundle says, under its version", () => {
    expect(trustView(BUNDLE, "acme", locked())).toEqual({
      policyVersion: sha256("bundle"),
      tools: ["customers_find", "tickets_open"],
      edges: [EDGE],
      delegations: [DOWN],
      locks: [],
    });
  });

  it("names the locks in force on what it names, and no others", () => {
    const mine = [
      lock("tenant", "acme"),
      lock("agent", "helper-agent"),
      lock("tool", "tickets_open"),
      lock("destination", "billing"),
      lock("bundle", sha256("bundle")),
    ];
    const foreign = [
      lock("workflow", "wf_1"),
      lock("tool", "of_another_bundle"),
      lock("bundle", sha256("another")),
      lock("human", "tickets_open"),
    ];
    expect(trustView(BUNDLE, "acme", locked(...mine, ...foreign)).locks).toEqual(mine);
  });

  it("says that nobody can tell what is locked, rather than that nothing is", () => {
    expect(trustView(BUNDLE, "acme", null).locks).toBeNull();
    expect(whoCan(BUNDLE, "acme", "tickets_open", null).locks).toBeNull();
  });
});

describe("who can reach a tool", () => {
  it("is every way, each with its chain, and what stands in it now", () => {
    const locks = [lock("agent", "helper-agent"), lock("tool", "customers_find")];
    const answer = whoCan(BUNDLE, "acme", "tickets_open", locked(...locks));
    expect(answer).toMatchObject({
      policyVersion: sha256("bundle"),
      tool: { id: "tickets_open", action: "mutate", tier: "internal", destination: "tickets" },
      suggestion: null,
      truncated: false,
      locks: [locks[0]],
    });
    expect(answer.ways.map(({ through }) => through)).toEqual([
      ["trust:support"],
      ["trust:support", "delegation:down"],
    ]);
  });

  it("says that there is no such tool, and which was probably meant", () => {
    const unknown = { tool: null, ways: [], locks: [] };
    expect(whoCan(BUNDLE, "acme", "ticket_open", locked())).toMatchObject({
      ...unknown,
      suggestion: "tickets_open",
    });
    expect(whoCan(BUNDLE, "acme", "constructor", locked())).toMatchObject({
      ...unknown,
      suggestion: null,
    });
  });

  it("is nobody where no edge grants it", () => {
    const narrow = bundleOf(undefined, [{ ...EDGE, tools: ["customers_find"] }]);
    const answer = whoCan(narrow, "acme", "tickets_open", locked());
    expect(answer.tool?.id).toBe("tickets_open");
    expect(answer.ways).toEqual([]);
  });
});
