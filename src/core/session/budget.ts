import type { Limits, Tool } from "../model/bundle.ts";
import type { Usage } from "./state.ts";

/** The counters as they would be with this call admitted: reserved in full, corrected when settled. */
export function charge(used: Usage, tool: Tool): Usage {
  return {
    calls: used.calls + 1,
    cost: used.cost + tool.cost,
    runtimeMs: used.runtimeMs + tool.timeoutMs,
  };
}

/** Rule id of the first ceiling that `after` does not keep, or null. `!(≤)`: a NaN keeps none. */
export function exhausted(after: Usage, limits: Limits): string | null {
  if (!(after.calls <= limits.calls)) return "core:budget.calls";
  if (!(after.cost <= limits.cost)) return "core:budget.cost";
  if (!(after.runtimeMs <= limits.runtimeMs)) return "core:budget.runtime";
  return null;
}
