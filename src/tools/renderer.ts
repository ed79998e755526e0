import type { JsonObject } from "../core/model/json.ts";
import type { Request } from "../core/model/operation.ts";
import type { RedactionPlan } from "../core/model/policy.ts";

/** From arguments to exactly what a connector executes. */
export interface Renderer {
  /** Arguments that have no form in their place of the request, as JSON Pointers. */
  readonly misplaced: (args: JsonObject) => readonly string[];
  /** Only for arguments that `misplaced` has nothing to say about. `tenant`: whose data it is about. */
  readonly render: (args: JsonObject, plan: RedactionPlan, tenant: string) => Request;
}
