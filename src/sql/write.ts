import { checkNodes } from "./nodes.ts";
import { parseOne, tokensOf, type Token } from "./parse.ts";
import { Refused } from "./refusal.ts";
import { as, isTree, listOf, namesOf, opened, placeOf, textOf, treeOf, type Tree } from "./tree.ts";
import { WRITES } from "./write-grammar.ts";

export const VERBS = ["insert", "update", "delete"] as const;
export type Verb = (typeof VERBS)[number];

/** One write, as it is written: nobody has said yet whether these names are there. */
export interface Write {
  readonly verb: Verb;
  readonly relation: {
    /** Null: not said. */
    readonly schema: string | null;
    readonly name: string;
    /** Bytes of the text. */
    readonly start: number;
    readonly end: number;
  };
  /** What its columns may be qualified by. */
  readonly alias: string;
  /** Columns that are given a value; of a DELETE none. */
  readonly written: readonly string[];
  /** Names in conditions and values. With one relation and no subquery they are columns of it. */
  readonly read: readonly Name[];
  /** Rows of an INSERT. */
  readonly rows: number;
  readonly condition: Condition | null;
  /** Numbers of `$n`. */
  readonly parameters: ReadonlySet<number>;
}

export interface Name {
  readonly name: string;
  readonly at: number;
}

/** What stands behind WHERE, to be put behind another one. */
export interface Condition {
  /** Its own `$1`, `$2`, … */
  readonly text: string;
  /** Which parameters of the statement these are. */
  readonly parameters: readonly number[];
}

const STATEMENTS: { readonly [type: string]: Verb } = {
  InsertStmt: "insert",
  UpdateStmt: "update",
  DeleteStmt: "delete",
};

/** Throws `Refused`. */
export function readWrite(text: string): Write {
  const tree = parseOne(text);
  const [type, statement] = opened(tree);
  const verb = Object.hasOwn(STATEMENTS, type) ? STATEMENTS[type] : undefined;
  if (verb === undefined) throw new Refused("write_expected");
  checkNodes(tree, WRITES);
  const relation = treeOf(statement["relation"]);
  // The parser leaves it out for ONLY.
  if (relation["inh"] !== true) throw new Refused("construct_not_allowed", placeOf(relation));
  const tokens = tokensOf(text);
  const name = textOf(relation["relname"]);
  const alias = isTree(relation["alias"]) ? textOf(relation["alias"]["aliasname"]) : name;
  const names = new Names(alias);
  const written = verb === "insert" ? insertedInto(statement) : assignedIn(statement);
  const rows = verb === "insert" ? rowsOf(statement, written.length) : 0;
  for (const part of ["selectStmt", "targetList", "whereClause"]) names.visit(statement[part]);
  const condition = verb === "insert" ? null : conditionOf(text, statement, tokens, alias);
  return {
    verb,
    relation: { name, ...placeOfRelation(relation, tokens) },
    alias,
    written,
    read: names.read,
    rows,
    condition,
    parameters: names.parameters,
  };
}

function placeOfRelation(
  relation: Tree,
  tokens: readonly Token[],
): Pick<Write["relation"], "schema" | "start" | "end"> {
  const start = placeOf(relation);
  const schema = typeof relation["schemaname"] === "string" ? relation["schemaname"] : null;
  const first = tokens.findIndex((token) => token.start === start);
  // schema, dot, name
  const last = first < 0 ? undefined : tokens[first + (schema === null ? 0 : 2)];
  if (last === undefined) throw new Refused("construct_not_allowed", start);
  return { schema, start, end: last.end };
}

function insertedInto(statement: Tree): readonly string[] {
  return distinct(listOf(statement["cols"]));
}

function assignedIn(statement: Tree): readonly string[] {
  return distinct(listOf(statement["targetList"]));
}

function distinct(targets: readonly Tree[]): readonly string[] {
  const names = targets.map((one) => textOf(treeOf(as(one, "ResTarget"))["name"]));
  if (new Set(names).size !== names.length) throw new Refused("write_columns");
  return names;
}

function rowsOf(statement: Tree, columns: number): number {
  // Without a list, which column is meant depends on columns that nobody declared.
  const values = as(statement["selectStmt"], "SelectStmt");
  const lists = listOf(values?.["valuesLists"]);
  const fits = lists.every((one) => listOf(as(one, "List")?.["items"]).length === columns);
  if (columns === 0 || lists.length === 0 || !fits) throw new Refused("write_columns");
  return lists.length;
}

/** Every name and parameter below; stars and longer names are refused. */
class Names {
  readonly read: Name[] = [];
  readonly parameters = new Set<number>();
  readonly #alias: string;

  constructor(alias: string) {
    this.#alias = alias;
  }

  visit(value: unknown): void {
    if (Array.isArray(value)) {
      for (const one of value) this.visit(one);
      return;
    }
    if (!isTree(value)) return;
    const [reference, parameter] = [as(value, "ColumnRef"), as(value, "ParamRef")];
    if (reference !== null) this.#reference(reference);
    else if (parameter !== null) this.parameters.add(Number(parameter["number"] ?? 0));
    else for (const one of Object.values(value)) this.visit(one);
  }

  #reference(reference: Tree): void {
    const at = placeOf(reference);
    const fields = listOf(reference["fields"]);
    if (as(fields.at(-1), "A_Star") !== null) throw new Refused("whole_row", at);
    const [first = "", second, ...more] = namesOf(fields) ?? [];
    if (more.length > 0) throw new Refused("column_qualified", at);
    if (second !== undefined && first !== this.#alias) throw new Refused("column_unknown", at);
    this.read.push({ name: second ?? first, at });
  }
}

/**
 * Cut out of the text, and parsed again: what is looked for before is what the statement is going to
 * change, or it is refused.
 */
function conditionOf(
  text: string,
  statement: Tree,
  tokens: readonly Token[],
  alias: string,
): Condition {
  const where = statement["whereClause"];
  const named = new Names(alias);
  named.visit(where);
  if (where === undefined || named.read.length === 0) throw new Refused("write_condition");
  const start = tokens.findIndex((token, at) => isWhere(token) && depthAt(tokens, at) === 0);
  const behind = tokens.slice(start + 1).filter((token) => !isText(token, ";"));
  const [first, last] = [behind[0], behind.at(-1)];
  if (start < 0 || first === undefined || last === undefined) {
    throw new Refused("construct_not_allowed");
  }
  const parameters: number[] = [];
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  let done = first.start;
  let cut = "";
  for (const token of behind) {
    if (token.tokenName !== "PARAM") continue;
    const number = Number(token.text.slice(1));
    if (!parameters.includes(number)) parameters.push(number);
    cut += `${decoder.decode(bytes.subarray(done, token.start))}$${parameters.indexOf(number) + 1}`;
    done = token.end;
  }
  cut += decoder.decode(bytes.subarray(done, last.end));
  const again = parseOne(`select 1 where (\n${cut}\n)`);
  const found = as(again, "SelectStmt")?.["whereClause"];
  if (shapeOf(found, (n) => n) !== shapeOf(where, (n) => parameters.indexOf(n) + 1)) {
    throw new Refused("construct_not_allowed");
  }
  return { text: cut, parameters };
}

function isWhere(token: Token): boolean {
  return token.keywordName === "RESERVED_KEYWORD" && isText(token, "where");
}

function isText(token: Token, text: string): boolean {
  return token.text.toLowerCase() === text;
}

function depthAt(tokens: readonly Token[], at: number): number {
  let depth = 0;
  for (const { text } of tokens.slice(0, at)) {
    if (text === "(" || text === "[") depth++;
    else if (text === ")" || text === "]") depth--;
  }
  return depth;
}

/** A tree without the places where things stand, parameters numbered anew. */
function shapeOf(tree: unknown, renumber: (parameter: number) => number): string {
  return JSON.stringify(tree, (key, value: unknown) => {
    if (key === "location" || key.startsWith("rexpr_list_") || key.startsWith("list_")) {
      return undefined;
    }
    const parameter = as(value, "ParamRef");
    if (parameter === null) return value;
    return { parameter: renumber(Number(parameter["number"] ?? 0)) };
  });
}
