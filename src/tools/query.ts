import type { JsonObject } from "../core/model/json.ts";
import { Lru } from "../identity/lru.ts";
import type { QueryTemplate, RelationDescription } from "../policy/bundle/model.ts";
import type { Catalogue } from "../sql/catalogue.ts";
import { guardQuery, type GuardedQuery, type RefusedQuery } from "../sql/guard.ts";
import { MAX_QUERIES } from "./limits.ts";
import { disclosed } from "./standing.ts";
import { textOf, valuesOf, type Statement } from "./statement.ts";

/** One tool whose agent writes a query. */
export function compileQuery(template: QueryTemplate, destination: string): Statement {
  const { statement, minGroup, maxRows } = template;
  const catalogue = catalogueOf(template.relations);
  const known = new Lru<GuardedQuery | RefusedQuery>(MAX_QUERIES);
  const read = (args: JsonObject): GuardedQuery | RefusedQuery => {
    const text = textOf(args[statement]);
    const parameters = valuesOf(args, template.params).length;
    // The whole text: of two with one digest, the second would run as the first.
    const key = `${parameters} ${text}`;
    const found = known.get(key) ?? guardQuery(text, catalogue, { parameters, minGroup });
    known.set(key, found);
    return found;
  };
  return {
    argument: statement,
    read(args) {
      const found = read(args);
      if (!found.ok) return found;
      const { relations, columns, classes } = found;
      return { ok: true, classes, policyArguments: { relations, columns } };
    },
    renderer: {
      misplaced: () => [],
      render(args, plan) {
        const query = read(args);
        if (!query.ok) throw new TypeError("a refused statement is not sent");
        const sql = query.render((dataClass) => disclosed(plan, dataClass));
        const params = valuesOf(args, template.params);
        return {
          operation: { sql: { destination, statement: sql, params, mode: "read", maxRows } },
          body: null,
          contentType: null,
        };
      },
    },
  };
}

function catalogueOf(relations: readonly RelationDescription[]): Catalogue {
  return {
    relations: new Map(
      relations.map(({ schema, name, dataClass, columns }) => {
        const id = `${schema}.${name}`;
        const all = columns.map(
          (column) =>
            [column.name, { id: `${id}.${column.name}`, dataClass: column.dataClass }] as const,
        );
        return [id, { id, schema, name, dataClass, columns: new Map(all) }];
      }),
    ),
  };
}
