import { createHash } from "node:crypto";
import type { ToolDescription } from "./model.ts";

/** One statement that a connector's allow-list has to name, by its digest. */
export interface NamedStatement {
  readonly tool: string;
  readonly destination: string;
  /** SHA-256, hex, of the text. */
  readonly digest: string;
  readonly statement: string;
}

/** Written in the tool's file, or, for a search, made from the names in it. */
export function statementsOf(tools: readonly ToolDescription[]): readonly NamedStatement[] {
  return tools.flatMap(({ tool, template }) =>
    textsOf(template).map((statement) => ({
      tool: tool.id,
      destination: tool.destination,
      digest: createHash("sha256").update(statement).digest("hex"),
      statement,
    })),
  );
}

function textsOf(template: ToolDescription["template"]): readonly string[] {
  if (template.kind === "sql") {
    const { statement, preview } = template;
    return preview === null ? [statement] : [statement, preview.statement];
  }
  if (template.kind !== "search" || template.index.kind !== "postgres") return [];
  return [template.index.statement];
}
