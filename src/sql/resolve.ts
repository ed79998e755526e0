import { lookUp, type Catalogue, type Column, type Relation } from "./catalogue.ts";
import { Refused } from "./refusal.ts";
import { as, isTree, listOf, namesOf, opened, placeOf, textOf, treeOf, type Tree } from "./tree.ts";

/** What a statement is about, and where relations of the catalogue stand in its text. */
export interface Resolved {
  readonly relations: ReadonlySet<Relation>;
  /** Named anywhere: to show, to filter, to sort by. */
  readonly columns: ReadonlySet<Column>;
  /** Shown by a `*`, as far as they may be. */
  readonly starred: ReadonlySet<Column>;
  readonly mentions: readonly Mention[];
  /** Numbers of `$n`. */
  readonly parameters: ReadonlySet<number>;
}

export interface Mention {
  readonly relation: Relation;
  /** Byte of the name's first letter. */
  readonly at: number;
  readonly qualified: boolean;
  readonly aliased: boolean;
}

/** Columns by name. A value is what a later mention of this name refers to: it came with a `*`. */
interface Output {
  readonly columns: Map<string, readonly Column[]>;
  /** Some columns have names that PostgreSQL chose. */
  open: boolean;
}

interface Item extends Output {
  readonly alias: string;
}

interface Scope {
  readonly items: readonly Item[];
  readonly outer: Scope | null;
}

type Queries = ReadonlyMap<string, Output>;

/**
 * Finds what each name means, by PostgreSQL's own rules of scope. It decides which classes of data a
 * call needs; what the database then reads does not hang on it (rewrite.ts).
 */
export function resolve(select: Tree, catalogue: Catalogue): Resolved {
  const resolver = new Resolver(catalogue);
  resolver.select(select, null, new Map());
  return resolver;
}

class Resolver implements Resolved {
  readonly relations = new Set<Relation>();
  readonly columns = new Set<Column>();
  readonly starred = new Set<Column>();
  readonly mentions: Mention[] = [];
  readonly parameters = new Set<number>();
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  select(select: Tree, outer: Scope | null, above: Queries): Output {
    const queries = this.#with(select["withClause"], outer, above);
    // Only numbers stand here; whatever else does, sees nothing of this query.
    const aside: Scope = { items: [], outer };
    this.#visit([select["limitCount"], select["limitOffset"]], aside, queries);
    const sorting = listOf(select["sortClause"]).map((one) => as(one, "SortBy")?.["node"]);
    if (select["larg"] !== undefined) {
      const output = this.select(treeOf(select["larg"]), outer, queries);
      this.select(treeOf(select["rarg"]), outer, queries);
      this.#keys(
        sorting,
        { items: [{ alias: "", ...output }], outer },
        new Set(),
        "column",
        queries,
      );
      return output;
    }
    const items: Item[] = [];
    for (const one of listOf(select["fromClause"])) this.#from(one, items, outer, queries);
    const scope: Scope = { items, outer };
    const targets = listOf(select["targetList"]);
    const output = this.#targets(targets, scope, queries);
    const { whereClause, havingClause, windowClause, valuesLists } = select;
    this.#visit([whereClause, havingClause, windowClause, valuesLists], scope, queries);
    if (valuesLists !== undefined) output.open = true;
    const results = new Set(targets.flatMap(resultName));
    const distinct = listOf(select["distinctClause"]);
    this.#keys([...sorting, ...distinct], scope, results, "result", queries);
    this.#keys(listOf(select["groupClause"]), scope, results, "column", queries);
    return output;
  }

  /** A name alone is a column or a result of the query: ORDER BY and GROUP BY differ in which first. */
  #keys(
    keys: readonly unknown[],
    scope: Scope,
    results: ReadonlySet<string>,
    first: "column" | "result",
    queries: Queries,
  ): void {
    for (const key of keys) {
      const set = as(key, "GroupingSet");
      if (set !== null) {
        this.#keys(listOf(set["content"]), scope, results, first, queries);
        continue;
      }
      const [name, ...more] = namesOfColumn(key) ?? [];
      const isResult = name !== undefined && more.length === 0 && results.has(name);
      if (isResult && (first === "result" || this.#find(name, scope) === null)) continue;
      this.#visit(key, scope, queries);
    }
  }

  #with(clause: unknown, outer: Scope | null, above: Queries): Queries {
    if (clause === undefined) return above;
    const queries = new Map(above);
    const own = new Set<string>();
    for (const one of listOf(treeOf(clause)["ctes"])) {
      const cte = treeOf(as(one, "CommonTableExpr"));
      const name = textOf(cte["ctename"]);
      this.#expectFreeName(name, placeOf(cte));
      // One of the same name outside would mean something else in the queries between.
      if (own.has(name) || queries.has(name)) throw new Refused("alias_refused", placeOf(cte));
      own.add(name);
      const output = this.select(queryOf(cte["ctequery"]), outer, queries);
      queries.set(name, renamed(output, namesOf(cte["aliascolnames"]) ?? []));
    }
    return queries;
  }

  /** A query or alias with a relation's name, or one of PostgreSQL's own, would be taken for it. */
  #expectFreeName(name: string, at: number): void {
    const taken = [...this.#catalogue.relations.values()].some((one) => one.name === name);
    if (taken || name.startsWith("pg_")) throw new Refused("alias_refused", at);
  }

  #from(wrapper: Tree, items: Item[], outer: Scope | null, queries: Queries): void {
    const [type, node] = opened(wrapper);
    switch (type) {
      case "RangeVar":
        return this.#add(items, this.#relation(node, queries), placeOf(node));
      case "RangeSubselect": {
        const alias = isTree(node["alias"]) ? node["alias"] : null;
        if (alias === null) throw new Refused("alias_missing");
        // LATERAL sees what stands before it; all others only what is outside.
        const around = node["lateral"] === true ? { items: [...items], outer } : outer;
        const output = this.select(queryOf(node["subquery"]), around, queries);
        const columns = renamed(output, namesOf(alias["colnames"]) ?? []);
        return this.#add(items, { alias: textOf(alias["aliasname"]), ...columns }, 0);
      }
      case "JoinExpr": {
        this.#from(treeOf(node["larg"]), items, outer, queries);
        this.#from(treeOf(node["rarg"]), items, outer, queries);
        for (const name of namesOf(node["usingClause"]) ?? []) {
          for (const item of items) this.#use(item.columns.get(name) ?? []);
        }
        return this.#visit(node["quals"], { items, outer }, queries);
      }
      default:
        throw new Refused("construct_not_allowed", placeOf(node));
    }
  }

  #add(items: Item[], item: Item, at: number): void {
    if (items.some(({ alias }) => alias === item.alias)) throw new Refused("alias_refused", at);
    items.push(item);
  }

  #relation(node: Tree, queries: Queries): Item {
    const at = placeOf(node);
    const name = textOf(node["relname"]);
    const schema = textOf(node["schemaname"]);
    const given = isTree(node["alias"]) ? node["alias"] : null;
    const alias = given === null ? name : textOf(given["aliasname"]);
    const colnames = namesOf(given?.["colnames"]) ?? [];
    const query = schema === "" ? queries.get(name) : undefined;
    if (query !== undefined) return { alias, ...renamed(query, colnames) };
    const relation = lookUp(this.#catalogue, schema, name, at);
    // Which column would be the first to be renamed depends on who may see which.
    if (colnames.length > 0) throw new Refused("alias_refused", at);
    this.relations.add(relation);
    const qualified = schema !== "";
    this.mentions.push({ relation, at, qualified, aliased: given !== null });
    const columns = new Map([...relation.columns].map(([one, column]) => [one, [column]]));
    return { alias, columns, open: false };
  }

  #targets(targets: readonly Tree[], scope: Scope, queries: Queries): Output {
    const output: Output = { columns: new Map(), open: false };
    for (const target of targets) {
      const { val } = treeOf(as(target, "ResTarget"));
      const reference = as(val, "ColumnRef");
      if (reference !== null && isStar(reference)) {
        for (const item of this.#starredBy(reference, scope)) {
          output.open ||= item.open;
          for (const [name, columns] of item.columns) {
            for (const column of columns) this.starred.add(column);
            output.columns.set(name, columns);
          }
        }
        continue;
      }
      this.#visit(val, scope, queries);
      const [name] = resultName(target);
      if (name === undefined) output.open = true;
      else output.columns.set(name, []);
    }
    return output;
  }

  #starredBy(reference: Tree, scope: Scope): readonly Item[] {
    const at = placeOf(reference);
    const names = namesOf(listOf(reference["fields"]).slice(0, -1)) ?? [];
    if (names.length > 1) throw new Refused("column_qualified", at);
    const [alias] = names;
    if (alias === undefined) return scope.items;
    return [this.#itemOf(alias, scope, at)];
  }

  #itemOf(alias: string, scope: Scope, at: number): Item {
    for (let one: Scope | null = scope; one !== null; one = one.outer) {
      const item = one.items.find((candidate) => candidate.alias === alias);
      if (item !== undefined) return item;
    }
    throw new Refused("column_unknown", at);
  }

  /** Everything below an expression, in its own scope. */
  #visit(value: unknown, scope: Scope, queries: Queries): void {
    if (Array.isArray(value)) {
      for (const one of value) this.#visit(one, scope, queries);
      return;
    }
    if (!isTree(value)) return;
    const [reference, parameter] = [as(value, "ColumnRef"), as(value, "ParamRef")];
    const select = as(value, "SelectStmt");
    if (reference !== null) this.#reference(reference, scope);
    else if (parameter !== null) this.parameters.add(Number(parameter["number"] ?? 0));
    else if (select !== null) this.select(select, scope, queries);
    else for (const one of Object.values(value)) this.#visit(one, scope, queries);
  }

  #reference(reference: Tree, scope: Scope): void {
    const at = placeOf(reference);
    if (isStar(reference)) throw new Refused("whole_row", at);
    const [first = "", second, ...more] = namesOf(reference["fields"]) ?? [];
    if (more.length > 0) throw new Refused("column_qualified", at);
    if (second === undefined) {
      const found = this.#find(first, scope);
      if (found !== null) return this.#use(found);
      throw new Refused(this.#isAlias(first, scope) ? "whole_row" : "column_unknown", at);
    }
    const item = this.#itemOf(first, scope, at);
    const columns = item.columns.get(second);
    if (columns === undefined && !item.open) throw new Refused("column_unknown", at);
    this.#use(columns ?? []);
  }

  /**
   * In the innermost query that has such a column; null: none has. Of two with one name all count:
   * with USING both are meant, and otherwise the database refuses.
   */
  #find(name: string, scope: Scope): readonly Column[] | null {
    for (let one: Scope | null = scope; one !== null; one = one.outer) {
      const found = one.items.flatMap(({ columns }) => {
        const column = columns.get(name);
        return column === undefined ? [] : [column];
      });
      if (found.length > 0) return found.flat();
      if (one.items.some(({ alias }) => alias === name)) return null;
      if (one.items.some(({ open }) => open)) return [];
    }
    return null;
  }

  #isAlias(name: string, scope: Scope): boolean {
    for (let one: Scope | null = scope; one !== null; one = one.outer) {
      if (one.items.some(({ alias }) => alias === name)) return true;
    }
    return false;
  }

  #use(columns: readonly Column[]): void {
    for (const column of columns) this.columns.add(column);
  }
}

function isStar(reference: Tree): boolean {
  return as(listOf(reference["fields"]).at(-1), "A_Star") !== null;
}

function namesOfColumn(value: unknown): readonly string[] | null {
  const reference = as(value, "ColumnRef");
  return reference === null || isStar(reference) ? null : namesOf(reference["fields"]);
}

/** The name of a result, where its author chose one, or it is a column's. */
function resultName(target: Tree): readonly string[] {
  const { name, val } = treeOf(as(target, "ResTarget"));
  if (typeof name === "string") return [name];
  return namesOfColumn(val)?.slice(-1) ?? [];
}

function queryOf(wrapper: unknown): Tree {
  const [type, select] = opened(wrapper);
  if (type === "SelectStmt") return select;
  throw new Refused("construct_not_allowed");
}

/** `AS x (a, b)`: the first columns get these names, the others keep theirs. */
function renamed(output: Output, names: readonly string[]): Output {
  if (names.length === 0) return output;
  const columns = [...output.columns];
  // Which column is the first is only known where all have names.
  if (output.open) return { columns: new Map(names.map((name) => [name, []])), open: true };
  return {
    columns: new Map(columns.map(([name, refs], at) => [names[at] ?? name, refs])),
    open: false,
  };
}
