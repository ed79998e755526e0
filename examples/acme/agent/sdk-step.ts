import type { JsonObject, Workflow } from "../../../src/sdk/index.ts";
import type { Step } from "./step.ts";

/** One call with the SDK, as the other agents report theirs. */
export async function callAs(
  seat: Workflow,
  title: string,
  tool: string,
  args: JsonObject,
): Promise<Step> {
  const started = performance.now();
  const outcome = await seat.call(tool, args);
  const ms = performance.now() - started;
  const result =
    "result" in outcome && outcome.result.kind === "json" ? outcome.result.value : undefined;
  return { title, tool, ms, outcome, result };
}
