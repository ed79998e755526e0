import type { Bundle } from "../gateway/ports.ts";
import type { CompiledBundle } from "../policy/compile.ts";
import { catalogueOf } from "./catalogue.ts";
import { toolRuntime } from "./runtime.ts";

/** A bundle as the gateway uses it: deciding and handling of every tool, compiled once per digest. */
export function gatewayBundle(compiled: CompiledBundle, sha256: (text: string) => string): Bundle {
  const { view, evaluator, agents, tools } = compiled;
  const runtimes = new Map(
    tools.map((description) => [description.tool.id, toolRuntime(description, sha256)]),
  );
  const bundle: Bundle = { view, evaluator, agents, tool: (id) => runtimes.get(id) };
  catalogueOf(bundle);
  return bundle;
}
