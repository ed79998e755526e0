import type { BundleView } from "../core/model/bundle.ts";
import type { Evaluator } from "../core/model/policy.ts";
import type { AgentDescription, BundleSource, ToolDescription } from "./bundle/model.ts";
import { cedarEvaluator } from "./cedar/evaluator.ts";

/** One bundle, ready to decide with. Made once per digest, never per call. */
export interface CompiledBundle {
  readonly view: BundleView;
  readonly evaluator: Evaluator;
  readonly agents: ReadonlyMap<string, AgentDescription>;
  readonly tools: readonly ToolDescription[];
}

export function compileBundle(source: BundleSource): CompiledBundle {
  const byId = new Map(source.tools.map((description) => [description.tool.id, description.tool]));
  return {
    view: {
      digest: source.digest,
      tool: (id) => byId.get(id),
      toolIds: [...byId.keys()],
      agents: source.agents.map((agent) => agent.id),
      trust: source.trust,
      delegations: source.delegations,
      approvalKinds: source.approvalKinds,
      containment: source.containment,
    },
    evaluator: cedarEvaluator(source),
    agents: new Map(source.agents.map((agent) => [agent.id, agent])),
    tools: source.tools,
  };
}
