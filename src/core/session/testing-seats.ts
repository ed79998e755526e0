import { expect } from "vitest";
import type { DelegationEdge } from "../model/bundle.ts";
import type { SeatCommand } from "../model/command.ts";
import {
  bundleOf,
  DOWN,
  openCommand,
  readTool,
  seatCommand,
  World,
  writeTool,
} from "../testing.ts";
import { MAX_SEATS } from "./limits.ts";

export const AGENTS = Array.from({ length: MAX_SEATS + 2 }, (_, n) => `agent-${n}`);
export const ANY: DelegationEdge = {
  ...DOWN,
  id: "any",
  from: ["support-agent", "helper-agent", ...AGENTS],
  to: AGENTS,
};

export function worldWith(...delegations: readonly DelegationEdge[]): World {
  const world = new World();
  world.bundle = bundleOf([readTool(), writeTool()], undefined, undefined, {
    agents: ["support-agent", "helper-agent", ...AGENTS],
    delegations: delegations.length > 0 ? delegations : [DOWN, ANY],
  });
  world.submit(openCommand());
  return world;
}

export function refused(world: World, command: SeatCommand): unknown {
  const { events, result } = world.submit(command);
  if (result.kind !== "denied") throw new Error(result.kind);
  const { code, ruleIds } = result;
  expect(events).toMatchObject([{ type: "seat.refused", code, ruleIds }]);
  return { code, ruleIds };
}
export const no = (code: string, ...ruleIds: readonly string[]): unknown => ({ code, ruleIds });
export const denied = (rule: string): unknown => no("delegation_denied", rule);

export function hop(world: World, n: number): ReturnType<World["submit"]> {
  const parent = n === 0 ? "seat_1" : `hop_${n - 1}`;
  return world.submit(seatCommand(`hop_${n}`, { parent, agent: AGENTS[n]!, jkt: `key ${n}` }));
}
