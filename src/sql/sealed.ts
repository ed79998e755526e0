import { checkNodes, selectOf } from "./nodes.ts";
import { parseOne } from "./parse.ts";
import { QUERIES } from "./query-grammar.ts";
import { Refused, type SqlRefusal } from "./refusal.ts";
import { checkSummary } from "./summary.ts";
import { as, isTree, listOf, namesOf, placeOf, textOf, treeOf, type Tree } from "./tree.ts";

/** Relation, as `schema.name`, to the columns that may be read of it. */
export type Readable = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * The connector's own look at a statement, whatever the gateway thought of it: one query, of allowed
 * nodes only, in which every relation stands behind a fence (see rewrite.ts) of columns that this
 * connector lists. Null: it may run.
 */
export function refusalOfSealed(
  text: string,
  readable: Readable,
  minGroup: number | null,
): SqlRefusal | null {
  try {
    const tree = parseOne(text);
    const select = selectOf(tree);
    checkNodes(tree, QUERIES);
    expectFences(tree, readable, new Set());
    if (minGroup !== null && checkSummary(select, minGroup).length > 0) return "summary_shape";
    return null;
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

function expectFences(value: unknown, readable: Readable, queries: ReadonlySet<string>): void {
  if (Array.isArray(value)) {
    for (const one of value) expectFences(one, readable, queries);
    return;
  }
  if (!isTree(value)) return;
  const select = as(value, "SelectStmt") ?? (isSelect(value) ? value : null);
  if (select !== null) return expectFencesOf(select, readable, queries);
  const relation = as(value, "RangeVar");
  if (relation !== null) return expectQuery(relation, queries);
  for (const one of Object.values(value)) expectFences(one, readable, queries);
}

/** The branches of a UNION are members without a wrapper; only a SELECT has `limitOption`. */
function isSelect(value: Tree): boolean {
  return Object.hasOwn(value, "limitOption");
}

function expectFencesOf(select: Tree, readable: Readable, above: ReadonlySet<string>): void {
  if (isFence(select, readable)) return;
  const queries = new Set(above);
  const { withClause, ...rest } = select;
  if (isTree(withClause)) {
    for (const one of listOf(withClause["ctes"])) {
      const cte = treeOf(as(one, "CommonTableExpr"));
      expectFences(cte["ctequery"], readable, queries);
      queries.add(textOf(cte["ctename"]));
    }
  }
  expectFences(Object.values(rest), readable, queries);
}

/** A name without a schema is a query of WITH, or a table of PostgreSQL's own. */
function expectQuery(relation: Tree, queries: ReadonlySet<string>): void {
  const name = textOf(relation["relname"]);
  const known = relation["schemaname"] === undefined && queries.has(name);
  if (!known || name.startsWith("pg_")) throw new Refused("relation_unknown", placeOf(relation));
}

const FENCE_MEMBERS = new Set(["targetList", "fromClause", "limitOption", "op"]);

function isFence(select: Tree, readable: Readable): boolean {
  if (!Object.keys(select).every((member) => FENCE_MEMBERS.has(member))) return false;
  const [from, second] = listOf(select["fromClause"]);
  const relation = as(from, "RangeVar");
  if (relation === null || second !== undefined || relation["alias"] !== undefined) return false;
  const schema = relation["schemaname"];
  if (typeof schema !== "string") return false;
  const columns = readable.get(`${schema}.${textOf(relation["relname"])}`);
  const targets = listOf(select["targetList"]);
  return (
    columns !== undefined &&
    targets.length > 0 &&
    targets.every((target) => {
      const { val, name } = treeOf(as(target, "ResTarget"));
      const fields = as(val, "ColumnRef")?.["fields"];
      if (name !== undefined || fields === undefined) return false;
      if (as(listOf(fields).at(-1), "A_Star") !== null) return false;
      const [column, ...more] = namesOf(fields) ?? [];
      return column !== undefined && more.length === 0 && columns.has(column);
    })
  );
}
