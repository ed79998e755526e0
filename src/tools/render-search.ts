import { canonical, type Json } from "../core/model/json.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { SearchTemplate } from "../policy/bundle/model.ts";
import type { OutputTree } from "./classify.ts";
import { compileColumns } from "./render-sql.ts";
import type { Renderer } from "./renderer.ts";
import { disclosed } from "./standing.ts";

/**
 * A search asks for what may be shown, and for nothing else: the tenant is the workflow's, the classes
 * are those that the redaction plan allows, and no argument reaches either. What is denied is not even
 * looked through, so that neither a hit nor its absence tells of it.
 */
export function compileSearch(
  { mode, index, query, limit, maxHits, classes }: SearchTemplate,
  destination: string,
  output: OutputTree,
  sha256: (text: string) => string,
): Renderer {
  const columnsUnder = compileColumns(output);
  const hitsOf = (asked: Json | undefined): number =>
    typeof asked === "number" ? Math.min(asked, maxHits) : maxHits;
  return {
    misplaced: () => [],
    render(args, plan, tenant) {
      const text = args[query] ?? "";
      const topK = hitsOf(limit === null ? undefined : args[limit]);
      const allowed = classesUnder(plan, classes.records);
      if (index.kind === "postgres") {
        const columns = columnsUnder?.(plan);
        return {
          operation: {
            sql: {
              destination,
              statement: index.statement,
              params: [text, tenant, allowed, topK],
              ...(columns && { columns }),
              mode: "read",
              maxRows: maxHits,
              ...(mode === "vector" && { embed: [0] }),
            },
          },
          body: null,
          contentType: null,
        };
      }
      const body = canonical({ query: text, topK, mode, filter: { tenant, classes: allowed } });
      return {
        operation: {
          http: {
            ...{ method: "POST", destination, path: index.path, query: "" },
            contentDigest: sha256(body),
          },
        },
        body,
        contentType: "application/json",
      };
    },
  };
}

function classesUnder(plan: RedactionPlan, records: readonly string[]): readonly string[] {
  return records.filter((dataClass) => disclosed(plan, dataClass));
}
