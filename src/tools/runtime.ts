import type { ToolRuntime } from "../gateway/ports.ts";
import { MAX_RESULT_BYTES } from "../policy/bundle/limits.ts";
import type { Template, ToolDescription } from "../policy/bundle/model.ts";
import { classify, type OutputTree } from "./classify.ts";
import { compileFinisher } from "./finish.ts";
import type { ResultLimits } from "./fit.ts";
import { compileHttpPreview } from "./preview-http.ts";
import { compileSqlPreview } from "./preview-sql.ts";
import { compilePreview, type PreviewKind } from "./preview.ts";
import { publish, ROWS } from "./published.ts";
import { compileQuery } from "./query.ts";
import { compileHttp } from "./render-http.ts";
import { compileMcp } from "./render-mcp.ts";
import { compileSearch } from "./render-search.ts";
import { compileSql } from "./render-sql.ts";
import type { Renderer } from "./renderer.ts";
import { closed, compileShaper } from "./shape.ts";
import { compileSourceTexts } from "./source-texts.ts";
import { compileStatementShaper, describeRelations, namedBy, type Statement } from "./statement.ts";
import { compileTarget } from "./target.ts";
import { undoOf } from "./undo.ts";
import { compileWrite } from "./write.ts";

/** Everything the gateway does with one tool, compiled once per bundle. */
export function toolRuntime(
  description: ToolDescription,
  sha256: (text: string) => string,
): ToolRuntime {
  const { tool, title, template, input, output } = description;
  const tree = output.kind === "json" ? classify(output.schema) : null;
  const { renderer, preview, statement } = compileTemplate(description, tree, sha256);
  const shape = compileShaper(input, tool.policyArguments, (args) => [
    ...renderer.misplaced(args),
    ...(preview?.misplaced(args) ?? []),
  ]);
  const limits = limitsOf(description);
  const finish = compileFinisher(output, tree, limits, template.kind === "mcp");
  return {
    tool,
    title,
    description: description.description,
    maxAnswerBytes: limits.maxAnswerBytes,
    inputSchema:
      template.kind === "query" || template.kind === "write"
        ? describeRelations(closed(input), template)
        : closed(input),
    outputSchema: output.kind === "rows" ? ROWS : tree === null ? null : publish(tree),
    shape: statement === null ? shape : compileStatementShaper(shape, statement),
    preview: preview && compilePreview(preview),
    sendsIdempotencyKey: template.kind === "http" && template.idempotencyHeader !== null,
    target: compileTarget(description.target),
    sourceTexts: compileSourceTexts(tool.sourceArguments, closed(input)),
    undo: (args, observed) => undoOf(description.undo, args, observed),
    request: renderer.render,
    finish: (answer, plan, args) =>
      finish(answer, plan, statement === null ? [] : namedBy(statement, args)),
  };
}

/** An answer is larger than what is left of it: members nobody declared, blanks, what is withheld. */
const ANSWER_FACTOR = 4;

function limitsOf({
  tool,
  template,
  output,
  paging,
  maxAnswerBytes,
}: ToolDescription): ResultLimits {
  const { maxResultBytes } = tool;
  const rows = template.kind === "sql" || template.kind === "query" || isTable(template);
  // A database stops at a whole row by itself, and of a picture there is no beginning.
  const whole = rows || output.kind === "binary";
  const usual = whole ? maxResultBytes : Math.min(maxResultBytes * ANSWER_FACTOR, MAX_RESULT_BYTES);
  return {
    maxResultBytes,
    maxAnswerBytes: maxAnswerBytes ?? usual,
    paging: paging.length === 0 && template.kind === "query" ? [template.statement] : paging,
  };
}

function isTable(template: Template): boolean {
  return template.kind === "search" && template.index.kind === "postgres";
}

interface Compiled {
  readonly renderer: Renderer;
  readonly preview: PreviewKind | null;
  /** Null: its statement or request stands in the bundle. */
  readonly statement: Statement | null;
}

function compileTemplate(
  { template, destination: { id } }: ToolDescription,
  tree: OutputTree | null,
  sha256: (text: string) => string,
): Compiled {
  if (template.kind === "http") {
    const { preview } = template;
    return {
      renderer: compileHttp(template, id, sha256),
      preview: preview && compileHttpPreview(template, preview, id, sha256),
      statement: null,
    };
  }
  if (template.kind === "query") {
    const query = compileQuery(template, id);
    return { renderer: query.renderer, preview: null, statement: query };
  }
  if (template.kind === "write") {
    const write = compileWrite(template, id);
    return { renderer: write.renderer, preview: write.preview, statement: write };
  }
  if (template.kind === "mcp")
    return { renderer: compileMcp(template, id), preview: null, statement: null };
  if (template.kind === "search") {
    if (tree === null) throw new TypeError("a search answers json");
    return { renderer: compileSearch(template, id, tree, sha256), preview: null, statement: null };
  }
  const renderer = compileSql(template, id, tree);
  const preview = template.preview && compileSqlPreview(template.preview, renderer);
  return { renderer, preview, statement: null };
}
