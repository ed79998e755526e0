import type { Json, JsonObject } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { SqlTemplate } from "../policy/bundle/model.ts";
import type { OutputNode, OutputTree, RecordRule } from "./classify.ts";
import type { Renderer } from "./renderer.ts";
import { compileStandings, type Standing } from "./standing.ts";

/**
 * Statement and parameters apart, always: an argument is never text of the statement. Integers past
 * 2^53 do not get here (shape.ts), so a parameter is the number the agent wrote.
 */
export function compileSql(
  template: SqlTemplate,
  destination: string,
  output: OutputTree | null,
): Renderer {
  const { statement, params, maxRows, mode, preview } = template;
  const columnsUnder = mode === "read" && output !== null ? compileColumns(output) : null;
  return {
    misplaced: () => [],
    render(args, plan) {
      const columns = columnsUnder?.(plan);
      return {
        operation: {
          sql: {
            destination,
            statement,
            params: valuesOf(args, params),
            ...(columns && { columns }),
            mode,
            maxRows,
            // In preview and execution alike: both are one operation, with one digest.
            ...(preview && {
              observe: {
                statement: preview.statement,
                params: valuesOf(args, preview.params),
                ignore: preview.ignore,
              },
            }),
          },
        },
        body: null,
        contentType: null,
      };
    },
  };
}

function valuesOf(args: JsonObject, names: readonly string[]): readonly Json[] {
  return names.map((name) => (Object.hasOwn(args, name) ? (args[name] ?? null) : null));
}

/**
 * The columns worth reading out, in schema order; null: all. A column stays if any of it may be
 * disclosed, or if a condition that withholds records, or is a trap, looks at it.
 */
export function compileColumns(
  output: OutputTree,
): ((plan: RedactionPlan) => readonly string[] | null) | null {
  const row = output.root.properties.find(({ key }) => key === "rows")?.node.items;
  if (!row || row.extra !== null) return null;
  const standingOf = compileStandings(output);
  return (plan) => {
    const standing = standingOf(plan);
    const judged = judgedBy(output.root, row, standing);
    if (judged === null || !row.properties.some(({ node }) => standing.withheld[node.index])) {
      return null;
    }
    return row.properties
      .filter(
        ({ key, node }) =>
          judged.has(key) || (node.classes.length > 0 && standing.withheld[node.index] !== true),
      )
      .map(({ key }) => key);
  };
}

/** Columns that conditions look at; a trap must spring for those, too, who may not see it. Null: any. */
function judgedBy(
  root: OutputNode,
  row: OutputNode,
  standing: Standing,
): ReadonlySet<string> | null {
  const counts = ({ dataClass, canary }: RecordRule): boolean =>
    canary || standing.denied.has(dataClass);
  if (root.records.some(counts)) return null;
  const judged = new Set<string>();
  for (const rule of row.records) {
    const { looksAt } = rule;
    if (!counts(rule)) continue;
    if (looksAt === null) return null;
    // A column that nobody declared cannot be named, and unread its condition would be blind.
    if (!looksAt.isSubsetOf(row.names)) return null;
    for (const column of looksAt) judged.add(column);
  }
  return judged;
}
