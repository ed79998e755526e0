import type { Json, JsonObject } from "../core/model/json.ts";
import type { Fault } from "../core/model/outcome.ts";
import type { ShapedArguments } from "../gateway/ports.ts";
import { Lru } from "../identity/lru.ts";
import type { QueryTemplate, RelationDescription } from "../policy/bundle/model.ts";
import type { Catalogue } from "../sql/catalogue.ts";
import { guardQuery, type GuardedQuery, type RefusedQuery } from "../sql/guard.ts";
import { SQL_REFUSALS } from "../sql/refusal.ts";
import { MAX_QUERIES } from "./limits.ts";
import { pointer } from "./pointer.ts";
import type { Renderer } from "./renderer.ts";
import type { Shaper } from "./shape.ts";
import { disclosed } from "./standing.ts";

/** One tool whose agent writes the statement. */
export interface Query {
  /** What the statement of these arguments is about. */
  read(args: JsonObject): GuardedQuery | RefusedQuery;
  readonly renderer: Renderer;
}

export function compileQuery(template: QueryTemplate, destination: string): Query {
  const { statement, minGroup, maxRows } = template;
  const catalogue = catalogueOf(template.relations);
  const known = new Lru<GuardedQuery | RefusedQuery>(MAX_QUERIES);
  const read: Query["read"] = (args) => {
    const text = textOf(args[statement]);
    const parameters = valuesOf(args, template).length;
    // The whole text: of two with one digest, the second would run as the first.
    const key = `${parameters} ${text}`;
    const found = known.get(key) ?? guardQuery(text, catalogue, { parameters, minGroup });
    known.set(key, found);
    return found;
  };
  return {
    read,
    renderer: {
      misplaced: () => [],
      render(args, plan) {
        const query = read(args);
        if (!query.ok) throw new TypeError("a refused statement is not sent");
        const sql = query.render((dataClass) => disclosed(plan, dataClass));
        const params = valuesOf(args, template);
        return {
          operation: { sql: { destination, statement: sql, params, mode: "read", maxRows } },
          body: null,
          contentType: null,
        };
      },
    },
  };
}

/** After the schema: policy sees what the statement is about, and it needs all classes it names. */
export function compileQueryShaper(shape: Shaper, query: Query, statement: string): Shaper {
  return (args): ShapedArguments => {
    const shaped = shape(args);
    if (!shaped.ok) return shaped;
    const found = query.read(shaped.args);
    if (!found.ok) {
      const why = faultOf(found, textOf(shaped.args[statement]));
      return { ok: false, at: [pointer([statement])], why };
    }
    const { relations, columns, classes } = found;
    return {
      ...shaped,
      policyArguments: { ...shaped.policyArguments, relations, columns },
      named: classes,
    };
  };
}

/** Null: nobody can say, so nothing of the answer is shown. */
export function namedBy(query: Query, args: JsonObject): readonly string[] | null {
  const found = query.read(args);
  return found.ok ? found.classes : null;
}

/** What there is to ask, for whoever writes the statement. */
export function describeRelations(
  schema: JsonObject,
  { statement, relations }: QueryTemplate,
): JsonObject {
  const properties = schema["properties"] as JsonObject;
  const argument = properties[statement] as JsonObject;
  const listed = relations.map(({ schema: place, name, columns }) => {
    const all = columns.map((column) => `${column.name} ${column.type}`).join(", ");
    return `${place}.${name} (${all})`;
  });
  const description = [argument["description"] ?? "One PostgreSQL query.", "Relations:", ...listed];
  return {
    ...schema,
    properties: {
      ...properties,
      [statement]: { ...argument, description: description.join("\n") },
    },
  };
}

function faultOf({ code, at }: RefusedQuery, text: string): Fault {
  const fault = { code, fix: SQL_REFUSALS[code] };
  if (at === null) return fault;
  const before = new TextEncoder().encode(text).subarray(0, at);
  return { ...fault, position: new TextDecoder().decode(before).length };
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function valuesOf(args: JsonObject, { params }: QueryTemplate): readonly Json[] {
  const values = params === null ? undefined : args[params];
  return Array.isArray(values) ? (values as readonly Json[]) : [];
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
