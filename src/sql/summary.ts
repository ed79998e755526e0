import { functionOf } from "./allowed.ts";
import { tokensOf, type Token } from "./parse.ts";
import { Refused, type SqlRefusal } from "./refusal.ts";
import { quoted } from "./rewrite.ts";
import { as, listOf, namesOf, opened, placeOf, treeOf, type Tree } from "./tree.ts";

/** A group of two tells each of the two what the other's value is. */
export const MIN_GROUP = 3;

/** Their value comes from all rows of a group; that of min or string_agg from one. */
const AGGREGATES = words("count sum avg stddev stddev_pop stddev_samp variance var_pop var_samp");
/** Those that fail for no type of column: `week` of an interval does. */
const UNITS = words("year quarter month day hour");
const COMPARISONS = words("= <> != < > <= >=");
const MEMBERS = words(
  "targetList fromClause whereClause groupClause havingClause sortClause limitCount limitOffset limitOption op",
);
const BARE = words("targetList fromClause limitOption op");

/**
 * Aggregates of groups of at least `minGroup` rows, and nothing that one row could be told by. That
 * holds for errors, too: an expression that fails for some values tells them by failing. So filters
 * compare bare columns with plain values, and results are aggregates of bare columns.
 *
 * Gives the conditions on a group's size that HAVING does not have yet, as SQL: of each column that
 * is summed up so many values must be there, since NULLs do not hide one value among them.
 */
export function checkSummary(select: Tree, minGroup: number): readonly string[] {
  if (!Object.keys(select).every((member) => MEMBERS.has(member))) shape();
  const [from, second] = listOf(select["fromClause"]);
  if (second !== undefined || !isRelation(from)) shape();
  for (const member of ["limitCount", "limitOffset"]) {
    if (select[member] !== undefined && !isPlain(select[member])) shape();
  }
  const aggregated = new Set<string>();
  if (select["whereClause"] !== undefined) checkFilter(select["whereClause"], isColumn);
  const isValue = (value: unknown): boolean => isSummed(value, aggregated);
  for (const target of listOf(select["targetList"])) {
    const { val } = treeOf(as(target, "ResTarget"));
    if (!isValue(val) && !isKey(val) && !isPlain(val)) refuse("summary_value", val);
  }
  for (const key of listOf(select["groupClause"])) {
    if (!isKey(key) && as(key, "A_Const") === null) refuse("summary_group", key);
  }
  for (const one of listOf(select["sortClause"])) {
    const { node } = treeOf(as(one, "SortBy"));
    if (!isValue(node) && !isKey(node) && !isPlain(node)) refuse("summary_value", node);
  }
  const having = select["havingClause"];
  if (having !== undefined) checkFilter(having, (value) => isValue(value) || isKey(value));
  const counted = aggregated.size > 0 ? [...aggregated] : ["*"];
  const given = having === undefined ? [] : sizesOf(having, minGroup);
  return counted.filter((one) => !given.includes(one)).map((one) => `count(${one}) >= ${minGroup}`);
}

/** The statement with these conditions; whoever asks has to check that they are where they belong. */
export function withConditions(text: string, conditions: readonly string[]): string {
  const { having, end } = clauses(tokensOf(text));
  const bytes = new TextEncoder().encode(text);
  const part = (from: number, to?: number): string =>
    new TextDecoder().decode(bytes.subarray(from, to));
  const all = conditions.join(" and ");
  // What follows may be a comment to the end of its line.
  const rest = ` ${part(end)}`;
  if (having === undefined) return `${part(0, end)} having ${all}${rest}`;
  return `${part(0, having.end)} (${part(having.end, end)}) and ${all}${rest}`;
}

function clauses(tokens: readonly Token[]): { having: Token | undefined; end: number } {
  let having: Token | undefined;
  let depth = 0;
  let end = 0;
  for (const [at, token] of tokens.entries()) {
    const word = token.text.toLowerCase();
    const before = tokens[at - 1]?.text.toLowerCase();
    // After these two any word is a name.
    const named = before === "as" || before === ".";
    if (word === "(") depth++;
    if (word === ")") depth--;
    if (depth === 0 && !named) {
      if (["order", "limit", "offset", "fetch", ";"].includes(word)) break;
      if (word === "having") having = token;
    }
    end = token.end;
  }
  return { having, end };
}

/** `count(x) >= n` among the conditions that all must hold: what is counted. */
function sizesOf(having: unknown, minGroup: number): readonly string[] {
  const all = as(having, "BoolExpr");
  if (all !== null && all["boolop"] === "AND_EXPR") {
    return listOf(all["args"]).flatMap((one) => sizesOf(one, minGroup));
  }
  const comparison = as(having, "A_Expr");
  const call = as(comparison?.["lexpr"], "FuncCall");
  const number = as(comparison?.["rexpr"], "A_Const")?.["ival"];
  const limit = number === undefined ? 0 : Number(treeOf(number)["ival"] ?? 0);
  if (comparison?.["kind"] !== "AEXPR_OP" || call === null || limit < minGroup) return [];
  const isAtLeast = namesOf(comparison["name"])?.join(".") === ">=";
  if (!isAtLeast || functionOf(call) !== "count" || call["agg_distinct"] === true) return [];
  if (call["agg_star"] === true) return ["*"];
  const [argument] = listOf(call["args"]);
  return argument === undefined ? [] : [columnText(argument)];
}

/** An aggregate, rounded or with a value in place of NULL; which columns it sums up is noted. */
function isSummed(value: unknown, aggregated: Set<string>): boolean {
  const call = as(value, "FuncCall");
  const coalesced = as(value, "CoalesceExpr");
  if (coalesced !== null) {
    const [first, ...others] = listOf(coalesced["args"]);
    return isSummed(first, aggregated) && others.every(isPlain);
  }
  if (call === null) return false;
  const name = functionOf(call);
  const args = listOf(call["args"]);
  if (name === "round") return isSummed(args[0], aggregated) && args.slice(1).every(isPlain);
  if (!AGGREGATES.has(name)) return false;
  for (const member of ["agg_order", "agg_filter", "over", "agg_within_group"]) {
    if (call[member] !== undefined) refuse("summary_value", value);
  }
  if (call["agg_distinct"] === true && name !== "count") return false;
  if (call["agg_star"] === true) return true;
  const [argument, ...more] = args;
  if (argument === undefined || more.length > 0 || !isColumn(argument)) return false;
  aggregated.add(columnText(argument));
  return true;
}

function isKey(value: unknown): boolean {
  const call = as(value, "FuncCall");
  if (call === null) return isColumn(value);
  const [unit, column, ...more] = listOf(call["args"]);
  const named = as(unit, "A_Const")?.["sval"];
  const word = named === undefined ? undefined : treeOf(named)["sval"];
  return (
    functionOf(call) === "date_trunc" &&
    typeof word === "string" &&
    UNITS.has(word) &&
    isColumn(column) &&
    more.length === 0
  );
}

/** Conditions of comparisons, which fail for no value; `isSubject` says of what. */
function checkFilter(value: unknown, isSubject: (value: unknown) => boolean): void {
  const [type, node] = opened(value);
  const subjects = (...all: unknown[]): boolean =>
    all.every((one) => isSubject(one) || isPlain(one));
  const right = (): readonly Tree[] => {
    const list = as(node["rexpr"], "List") ?? as(node["rexpr"], "A_ArrayExpr");
    return list === null ? [treeOf(node["rexpr"])] : listOf(list["items"] ?? list["elements"]);
  };
  switch (type) {
    case "BoolExpr":
      for (const one of listOf(node["args"])) checkFilter(one, isSubject);
      return;
    case "NullTest":
    case "BooleanTest":
      if (isSubject(node["arg"])) return;
      break;
    case "A_Expr": {
      const word = namesOf(node["name"])?.at(-1) ?? "";
      const compares = COMPARISONS.has(word) || /^(?:NOT )?BETWEEN/.test(word);
      if (compares && node["lexpr"] !== undefined && subjects(node["lexpr"], ...right())) return;
      break;
    }
    default:
      if (subjects(value)) return;
  }
  refuse("summary_filter", value);
}

function isColumn(value: unknown): boolean {
  const fields = as(value, "ColumnRef")?.["fields"];
  return fields !== undefined && as(listOf(fields).at(-1), "A_Star") === null;
}

function columnText(value: Tree): string {
  return (namesOf(as(value, "ColumnRef")?.["fields"]) ?? []).map(quoted).join(".");
}

/** A value that stands there, or that the caller or the clock gives. */
function isPlain(value: unknown): boolean {
  const cast = as(value, "TypeCast");
  const inner = cast === null ? value : cast["arg"];
  const negated = as(inner, "A_Expr");
  if (negated !== null && cast === null) {
    const isMinus = namesOf(negated["name"])?.join(".") === "-" && negated["lexpr"] === undefined;
    return isMinus && as(negated["rexpr"], "A_Const") !== null;
  }
  if (as(inner, "A_Const") !== null || as(inner, "ParamRef") !== null) return true;
  return cast === null && as(value, "SQLValueFunction") !== null;
}

/** A relation, or what stands for it once it is fenced: some of its columns, as they are. */
function isRelation(wrapper: unknown): boolean {
  if (as(wrapper, "RangeVar") !== null) return true;
  const inner = as(as(wrapper, "RangeSubselect")?.["subquery"], "SelectStmt");
  if (inner === null || !Object.keys(inner).every((member) => BARE.has(member))) return false;
  const [from, second] = listOf(inner["fromClause"]);
  return (
    as(from, "RangeVar") !== null &&
    second === undefined &&
    listOf(inner["targetList"]).every((target) => {
      const { val, name } = treeOf(as(target, "ResTarget"));
      return name === undefined && isColumn(val);
    })
  );
}

function shape(): never {
  throw new Refused("summary_shape");
}

function refuse(code: SqlRefusal, value: unknown): never {
  throw new Refused(code, placeOf(opened(value)[1]));
}

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(" "));
}
