import type { JsonObject } from "../core/model/json.ts";
import type { Request } from "../core/model/operation.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { SqlTemplate } from "../policy/bundle/model.ts";
import type { OutputNode, OutputTree } from "./classify.ts";
import { type Standing, standingOf } from "./redact.ts";

/**
 * Statement and parameters apart, always: an argument is never text of the statement. Integers past
 * 2^53 do not get here (shape.ts), so a parameter is the number the agent wrote.
 */
export function renderSql(
  template: SqlTemplate,
  destination: string,
  output: OutputTree | null,
  args: JsonObject,
  plan: RedactionPlan,
): Request {
  const { statement, params, maxRows, mode } = template;
  const columns = mode === "read" && output !== null ? columnsOf(output, plan) : null;
  return {
    operation: {
      sql: {
        destination,
        statement,
        params: params.map((name) => (Object.hasOwn(args, name) ? (args[name] ?? null) : null)),
        ...(columns && { columns }),
        mode,
        maxRows,
      },
    },
    body: null,
    contentType: null,
  };
}

/**
 * The columns worth reading out, in schema order; null: all. A column stays if any of it may be
 * disclosed, or if a condition that withholds records looks at it.
 */
function columnsOf(output: OutputTree, plan: RedactionPlan): readonly string[] | null {
  const row = output.root.properties.find(({ key }) => key === "rows")?.node.items;
  if (!row || row.extra !== null) return null;
  const standing = standingOf(output, plan);
  const withheld = row.properties.filter(({ node }) => standing.withheld[node.index]);
  if (withheld.length === 0) return null;
  const judged = judgedBy(row, standing);
  if (judged === null) return null;
  return row.properties
    .filter(
      ({ key, node }) =>
        judged.has(key) || (node.classes.length > 0 && standing.withheld[node.index] !== true),
    )
    .map(({ key }) => key);
}

function judgedBy(row: OutputNode, standing: Standing): ReadonlySet<string> | null {
  const judged = new Set<string>();
  for (const { dataClass, looksAt } of row.records) {
    if (!standing.denied.has(dataClass)) continue;
    if (looksAt === null) return null;
    for (const column of looksAt) judged.add(column);
  }
  return judged;
}
