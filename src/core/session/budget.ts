import type { Limits, Tool } from "../model/bundle.ts";
import { isObject } from "../model/json.ts";
import { BYTES_PER_TOKEN } from "./limits.ts";
import type { Seat, Usage } from "./state.ts";

/** What is reserved in full at admission and corrected when the call is settled. */
export interface Charge {
  readonly calls: number;
  readonly cost: number;
  readonly runtimeMs: number;
  readonly tokens: number;
}

/** Of one call of this tool. Tokens are reserved only where somebody in the line has a ceiling for them. */
export function chargeOf(tool: Tool, line: readonly Seat[]): Charge {
  const limited = line.some((seat) => seat.limits.tokens !== undefined);
  return {
    calls: 1,
    cost: tool.cost,
    runtimeMs: tool.timeoutMs,
    tokens: limited ? tokensOf(tool.maxResultBytes) : 0,
  };
}

export function tokensOf(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

export function plus(used: Usage, charge: Charge, tool: string | null): Usage {
  return {
    calls: used.calls + charge.calls,
    cost: used.cost + charge.cost,
    runtimeMs: used.runtimeMs + charge.runtimeMs,
    tokens: used.tokens + charge.tokens,
    tools:
      tool === null ? used.tools : { ...used.tools, [tool]: countOf(used, tool) + charge.calls },
  };
}

/** Own members only: a tool may be called `constructor`. */
function countOf(used: Usage, tool: string): number {
  return Object.hasOwn(used.tools, tool) ? used.tools[tool]! : 0;
}

/** Rule id of the first ceiling that `after` does not keep, or null. `!(≤)`: a NaN keeps none. */
export function exhausted(after: Usage, limits: Limits, tool: string): string | null {
  if (!(after.calls <= limits.calls)) return "core:budget.calls";
  if (!(after.cost <= limits.cost)) return "core:budget.cost";
  if (!(after.runtimeMs <= limits.runtimeMs)) return "core:budget.runtime";
  if (!(after.tokens <= (limits.tokens ?? Infinity))) return "core:budget.tokens";
  const caps = limits.tools ?? {};
  const cap = Object.hasOwn(caps, tool) ? caps[tool]! : Infinity;
  return countOf(after, tool) <= cap ? null : "core:budget.tool";
}

/** What is asked for, cut down to what may be given. */
export function shrink(most: Limits, asked: Partial<Limits> | undefined): Limits {
  const tokens = least(most.tokens, asked?.tokens);
  const tools = shrinkTools(most.tools, asked?.tools);
  return {
    calls: Math.min(most.calls, asked?.calls ?? most.calls),
    cost: Math.min(most.cost, asked?.cost ?? most.cost),
    runtimeMs: Math.min(most.runtimeMs, asked?.runtimeMs ?? most.runtimeMs),
    ...(tokens !== undefined && { tokens }),
    ...(tools !== undefined && { tools }),
  };
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}

function shrinkTools(most: Limits["tools"], asked: Limits["tools"]): Limits["tools"] {
  if (most === undefined || asked === undefined) return most ?? asked;
  const names = new Set([...Object.keys(most), ...Object.keys(asked)]);
  const of = (caps: object, name: string): number | undefined =>
    Object.hasOwn(caps, name) ? (caps as { [tool: string]: number })[name] : undefined;
  return Object.fromEntries(
    [...names].map((name) => [name, least(of(most, name), of(asked, name))!]),
  );
}

/**
 * A cap on a tool that was not given would cap nothing: whoever asked for it misspelt the one that
 * was meant. And a name that somebody made up has no place in the record (P10).
 */
export function capsKnown(limits: Partial<Limits> | undefined, tools: readonly string[]): boolean {
  return Object.keys(limits?.tools ?? {}).every((tool) => tools.includes(tool));
}

/** `NaN` would pass every later comparison: an endless life, an endless budget. */
export function soundNumbers(
  lifeMs: number | undefined,
  limits: Partial<Limits> | undefined,
): boolean {
  const { tools = {}, calls, cost, runtimeMs, tokens } = limits ?? {};
  if (!isObject(tools)) return false;
  return [lifeMs, calls, cost, runtimeMs, tokens, ...Object.values(tools)].every(
    (asked) => asked === undefined || (Number.isSafeInteger(asked) && asked >= 0),
  );
}
