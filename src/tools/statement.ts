import type { Json, JsonObject } from "../core/model/json.ts";
import type { Fault } from "../core/model/outcome.ts";
import type { ShapedArguments } from "../gateway/ports.ts";
import type { QueryTemplate, WriteTemplate } from "../policy/bundle/model.ts";
import type { RefusedQuery } from "../sql/guard.ts";
import { SQL_REFUSALS } from "../sql/refusal.ts";
import { pointer } from "./pointer.ts";
import type { Renderer } from "./renderer.ts";
import type { Shaper } from "./shape.ts";

/** One tool whose agent writes the statement. */
export interface Statement {
  /** The argument that is the statement. */
  readonly argument: string;
  /** What the statement of these arguments is about. */
  read(args: JsonObject): About | RefusedQuery;
  readonly renderer: Renderer;
}

export interface About {
  readonly ok: true;
  /** Data classes that it names, sorted. */
  readonly classes: readonly string[];
  /** What policies see of it. */
  readonly policyArguments: JsonObject;
}

/** After the schema: policy sees what the statement is about, and it needs all classes it names. */
export function compileStatementShaper(shape: Shaper, statement: Statement): Shaper {
  return (args): ShapedArguments => {
    const shaped = shape(args);
    if (!shaped.ok) return shaped;
    const found = statement.read(shaped.args);
    if (!found.ok) {
      const { argument } = statement;
      const why = faultOf(found, textOf(shaped.args[argument]));
      return { ok: false, at: [pointer([argument])], why };
    }
    const policyArguments = { ...shaped.policyArguments, ...found.policyArguments };
    return { ...shaped, policyArguments, named: found.classes };
  };
}

/** Null: nobody can say, so nothing of the answer is shown. */
export function namedBy(statement: Statement, args: JsonObject): readonly string[] | null {
  const found = statement.read(args);
  return found.ok ? found.classes : null;
}

/** What there is to write about, for whoever writes the statement. */
export function describeRelations(
  schema: JsonObject,
  template: QueryTemplate | WriteTemplate,
): JsonObject {
  const { statement } = template;
  const properties = schema["properties"] as JsonObject;
  const argument = properties[statement] as JsonObject;
  const what =
    template.kind === "query" ? "One PostgreSQL query." : "One INSERT, UPDATE or DELETE.";
  const description = [argument["description"] ?? what, "Relations:", ...linesOf(template)];
  return {
    ...schema,
    properties: {
      ...properties,
      [statement]: { ...argument, description: description.join("\n") },
    },
  };
}

function linesOf(template: QueryTemplate | WriteTemplate): readonly string[] {
  if (template.kind === "query") return template.relations.map(columnsOf);
  return template.relations.map((one) => {
    const may = [
      ...(one.insert.length > 0 ? [`INSERT of ${one.insert.join(", ")}`] : []),
      ...(one.update.length > 0 ? [`UPDATE of ${one.update.join(", ")}`] : []),
      ...(one.delete ? ["DELETE"] : []),
    ];
    return `${columnsOf(one)}; key: ${one.key.join(", ")}; allowed: ${may.join("; ")}`;
  });
}

function columnsOf({ schema, name, columns }: QueryTemplate["relations"][number]): string {
  return `${schema}.${name} (${columns.map((one) => `${one.name} ${one.type}`).join(", ")})`;
}

function faultOf({ code, at }: RefusedQuery, text: string): Fault {
  const fault = { code, fix: SQL_REFUSALS[code] };
  if (at === null) return fault;
  const before = new TextEncoder().encode(text).subarray(0, at);
  return { ...fault, position: new TextDecoder().decode(before).length };
}

export function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** Of `$1`, `$2`, …; `params` names the argument, null: the tool takes none. */
export function valuesOf(args: JsonObject, params: string | null): readonly Json[] {
  const values = params === null ? undefined : args[params];
  return Array.isArray(values) ? (values as readonly Json[]) : [];
}
