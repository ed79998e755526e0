import { describe, expect, it } from "vitest";
import type { DelegationEdge, TrustEdge } from "../core/model/bundle.ts";
import { EDGE } from "../core/testing.ts";
import { MAX_REACH, reachOf } from "./reach.ts";

const delegation = (more: Partial<DelegationEdge>): DelegationEdge => ({
  id: "d",
  from: ["support-agent"],
  to: ["helper-agent"],
  tools: ["*"],
  limits: {},
  maxLifeMs: 60_000,
  ...more,
});
const bundle = (
  delegations: readonly DelegationEdge[] = [],
  trust: readonly TrustEdge[] = [EDGE],
) => ({ toolIds: ["find", "refund"], trust, delegations });

describe("who can reach what", () => {
  it("names the humans, the agent and the rule of a direct way", () => {
    expect(reachOf(bundle(), "refund").ways).toEqual([
      {
        tool: "refund",
        agent: "support-agent",
        humans: { groups: ["support"] },
        purposes: ["support-case"],
        through: ["trust:support"],
        agents: ["support-agent"],
      },
    ]);
  });

  it("follows delegation, and only with the tools that each hop leaves", () => {
    const edges = [
      delegation({ id: "a", tools: ["find"] }),
      delegation({ id: "b", from: ["helper-agent"], to: ["last-agent"] }),
    ];
    const { ways } = reachOf(bundle(edges));
    expect(ways.map((way) => `${way.agents.join(" > ")}: ${way.tool}`)).toEqual([
      "support-agent: find",
      "support-agent: refund",
      "support-agent > helper-agent: find",
      "support-agent > helper-agent > last-agent: find",
    ]);
    expect(ways.at(-1)?.through).toEqual(["trust:support", "delegation:a", "delegation:b"]);
    expect(reachOf(bundle(edges), "refund").ways).toHaveLength(1);
  });

  it("ends although two agents delegate to each other", () => {
    const edges = [
      delegation({ id: "there" }),
      delegation({ id: "back", from: ["helper-agent"], to: ["support-agent"] }),
    ];
    expect(reachOf(bundle(edges), "find").ways).toHaveLength(2);
  });

  it("leaves out an edge that covers nobody", () => {
    expect(reachOf(bundle([], [{ ...EDGE, claims: {} }])).ways).toEqual([]);
  });

  it("says when there are more ways than it lists", () => {
    const agents = Array.from({ length: 9 }, (_, n) => `agent-${n}`);
    const everybody = delegation({ from: agents, to: agents });
    const answer = reachOf(bundle([everybody], [{ ...EDGE, agents }]));
    expect(answer.truncated).toBe(true);
    expect(answer.ways).toHaveLength(MAX_REACH);
  });
});
