import type { ToolRuntime } from "../gateway/ports.ts";
import type { ToolDescription } from "../policy/bundle/model.ts";
import { classify } from "./classify.ts";
import { compileFinisher } from "./finish.ts";
import { publish } from "./published.ts";
import { compileHttp } from "./render-http.ts";
import { compileSql } from "./render-sql.ts";
import { closed, compileShaper } from "./shape.ts";

/** Everything the gateway does with one tool, compiled once per bundle. */
export function toolRuntime(
  description: ToolDescription,
  sha256: (text: string) => string,
): ToolRuntime {
  const { tool, title, destination, template, input, output } = description;
  const tree = output.kind === "json" ? classify(output.schema) : null;
  const renderer =
    template.kind === "http"
      ? compileHttp(template, destination.id, sha256)
      : compileSql(template, destination.id, tree);
  return {
    tool,
    title,
    description: description.description,
    network: destination.network,
    tier: destination.tier,
    inputSchema: closed(input),
    outputSchema: tree === null ? null : publish(tree),
    shape: compileShaper(input, tool.policyArguments, renderer.misplaced),
    request: renderer.render,
    finish: compileFinisher(output, tree, tool.maxResultBytes),
  };
}
