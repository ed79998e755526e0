import { functionOf, operatorOf, typeOf } from "./allowed.ts";
import { Refused, type SqlRefusal } from "./refusal.ts";
import { as, isTree, listOf, namesOf, opened, placeOf, treeOf, type Tree } from "./tree.ts";

export const MAX_NODES = 4_000;
export const MAX_SQL_DEPTH = 64;

/**
 * What a member may hold: a scalar that changes nothing, one of these scalars, a wrapped node, a list
 * of them, a node of the type given, a list of names, or something that `check` looked at whole.
 */
type Rule =
  | "scalar"
  | "node"
  | "nodes"
  | "names"
  | "checked"
  | { readonly of: string }
  | { readonly one: readonly unknown[] };

interface NodeRule {
  readonly members: { readonly [member: string]: Rule };
  readonly check?: (node: Tree) => void;
}

const SQL_SYNTAX = { one: ["COERCE_EXPLICIT_CALL", "COERCE_SQL_SYNTAX"] };

/** All of SQL that passes. A node or member that is not named here is refused: what is new, too. */
const NODES: { readonly [type: string]: NodeRule } = {
  SelectStmt: {
    members: {
      distinctClause: "checked",
      targetList: "nodes",
      fromClause: "nodes",
      whereClause: "node",
      groupClause: "nodes",
      groupDistinct: "scalar",
      havingClause: "node",
      windowClause: "nodes",
      valuesLists: "nodes",
      sortClause: "nodes",
      limitOffset: "node",
      limitCount: "node",
      limitOption: "scalar",
      withClause: { of: "WithClause" },
      op: { one: ["SETOP_NONE", "SETOP_UNION", "SETOP_INTERSECT", "SETOP_EXCEPT"] },
      all: "scalar",
      larg: { of: "SelectStmt" },
      rarg: { of: "SelectStmt" },
    },
  },
  WithClause: { members: { ctes: "nodes", location: "scalar" } },
  CommonTableExpr: {
    members: {
      ctename: "scalar",
      aliascolnames: "names",
      ctematerialized: "scalar",
      ctequery: "node",
      location: "scalar",
    },
  },
  RangeVar: {
    members: {
      schemaname: "scalar",
      relname: "scalar",
      inh: { one: [true] },
      relpersistence: { one: ["p"] },
      alias: { of: "Alias" },
      location: "scalar",
    },
  },
  RangeSubselect: { members: { lateral: "scalar", subquery: "node", alias: { of: "Alias" } } },
  Alias: { members: { aliasname: "scalar", colnames: "names" } },
  JoinExpr: {
    members: {
      jointype: { one: ["JOIN_INNER", "JOIN_LEFT", "JOIN_RIGHT", "JOIN_FULL"] },
      larg: "node",
      rarg: "node",
      usingClause: "names",
      quals: "node",
    },
  },
  ResTarget: { members: { name: "scalar", val: "node", location: "scalar" } },
  SortBy: {
    members: {
      node: "node",
      sortby_dir: { one: ["SORTBY_DEFAULT", "SORTBY_ASC", "SORTBY_DESC"] },
      sortby_nulls: "scalar",
      location: "scalar",
    },
  },
  WindowDef: {
    members: {
      name: "scalar",
      refname: "scalar",
      partitionClause: "nodes",
      orderClause: "nodes",
      frameOptions: "scalar",
      startOffset: "node",
      endOffset: "node",
      location: "scalar",
    },
  },
  GroupingSet: { members: { kind: "scalar", content: "nodes", location: "scalar" } },
  GroupingFunc: { members: { args: "nodes", location: "scalar" } },
  ColumnRef: {
    members: { fields: "checked", location: "scalar" },
    check: (node) => {
      const fields = listOf(node["fields"]);
      const star = as(fields.at(-1), "A_Star") !== null;
      if (namesOf(star ? fields.slice(0, -1) : fields) === null) {
        throw new Refused("construct_not_allowed", placeOf(node));
      }
    },
  },
  ParamRef: { members: { number: "scalar", location: "scalar" } },
  A_Const: {
    members: {
      ival: "checked",
      fval: "checked",
      sval: "checked",
      boolval: "checked",
      isnull: "scalar",
      location: "scalar",
    },
  },
  A_Expr: {
    members: {
      kind: {
        one: "OP OP_ANY OP_ALL DISTINCT NOT_DISTINCT NULLIF IN LIKE ILIKE BETWEEN NOT_BETWEEN BETWEEN_SYM NOT_BETWEEN_SYM"
          .split(" ")
          .map((kind) => `AEXPR_${kind}`),
      },
      name: "checked",
      lexpr: "node",
      rexpr: "node",
      rexpr_list_start: "scalar",
      rexpr_list_end: "scalar",
      location: "scalar",
    },
    check: (node) => void operatorOf(node["name"], placeOf(node)),
  },
  BoolExpr: { members: { boolop: "scalar", args: "nodes", location: "scalar" } },
  NullTest: { members: { arg: "node", nulltesttype: "scalar", location: "scalar" } },
  BooleanTest: { members: { arg: "node", booltesttype: "scalar", location: "scalar" } },
  CaseExpr: { members: { arg: "node", args: "nodes", defresult: "node", location: "scalar" } },
  CaseWhen: { members: { expr: "node", result: "node", location: "scalar" } },
  CoalesceExpr: { members: { args: "nodes", location: "scalar" } },
  MinMaxExpr: { members: { op: "scalar", args: "nodes", location: "scalar" } },
  FuncCall: {
    members: {
      funcname: "checked",
      args: "nodes",
      agg_order: "nodes",
      agg_filter: "node",
      over: { of: "WindowDef" },
      agg_within_group: "scalar",
      agg_star: "scalar",
      agg_distinct: "scalar",
      funcformat: SQL_SYNTAX,
      location: "scalar",
    },
    check: (node) => void functionOf(node),
  },
  TypeCast: { members: { arg: "node", typeName: { of: "TypeName" }, location: "scalar" } },
  TypeName: {
    members: {
      names: "checked",
      typmods: "nodes",
      typemod: "scalar",
      arrayBounds: "checked",
      location: "scalar",
    },
    check: (node) => void typeOf(node),
  },
  SubLink: {
    members: {
      subLinkType: {
        one: "EXISTS ALL ANY EXPR ARRAY".split(" ").map((kind) => `${kind}_SUBLINK`),
      },
      testexpr: "node",
      operName: "checked",
      subselect: "node",
      location: "scalar",
    },
    check: (node) => {
      if (node["operName"] !== undefined) operatorOf(node["operName"], placeOf(node));
    },
  },
  List: { members: { items: "nodes" } },
  A_ArrayExpr: {
    members: { elements: "nodes", location: "scalar", list_start: "scalar", list_end: "scalar" },
  },
  RowExpr: { members: { args: "nodes", row_format: "scalar", location: "scalar" } },
  // Who asks, and under which role, is not for the statement to find out.
  SQLValueFunction: {
    members: {
      op: {
        one: "CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP CURRENT_TIMESTAMP_N LOCALTIMESTAMP_N"
          .split(" ")
          .map((name) => `SVFOP_${name}`),
      },
      typmod: "scalar",
      location: "scalar",
    },
  },
};

/** Codes that say more than "not allowed". */
const TOLD: { readonly [member: string]: SqlRefusal } = {
  "SelectStmt.intoClause": "into_clause",
  "SelectStmt.lockingClause": "locking_clause",
  "WithClause.recursive": "recursive_query",
  "JoinExpr.isNatural": "natural_join",
  InsertStmt: "write_in_query",
  UpdateStmt: "write_in_query",
  DeleteStmt: "write_in_query",
  MergeStmt: "write_in_query",
  A_Indirection: "construct_not_allowed",
};

/** Every node, closed: each one and each of its members is allowed by name, or all of it is refused. */
export function checkNodes(wrapper: Tree): void {
  new Walk().node(wrapper, 0);
}

class Walk {
  #nodes = 0;

  node(wrapper: unknown, depth: number): void {
    // `DISTINCT` without ON, and an omitted limit, are nodes without a type.
    const [type, members] = opened(wrapper);
    this.#members(type, members, depth);
  }

  #members(type: string, node: Tree, depth: number): void {
    if (depth > MAX_SQL_DEPTH) throw new Refused("too_deep");
    if (++this.#nodes > MAX_NODES) throw new Refused("too_large");
    const rule = Object.hasOwn(NODES, type) ? NODES[type] : undefined;
    const at = placeOf(node);
    if (rule === undefined) throw new Refused(TOLD[type] ?? "construct_not_allowed", at);
    rule.check?.(node);
    for (const [member, value] of Object.entries(node)) {
      const allowed = Object.hasOwn(rule.members, member) ? rule.members[member] : undefined;
      if (allowed === undefined) {
        throw new Refused(TOLD[`${type}.${member}`] ?? "construct_not_allowed", at);
      }
      if (type === "SelectStmt" && member === "distinctClause") this.#distinct(value, depth);
      else this.#member(allowed, value, depth, at);
    }
  }

  #member(rule: Rule, value: unknown, depth: number, at: number): void {
    if (rule === "node") this.node(value, depth + 1);
    else if (rule === "nodes") for (const one of listOf(value)) this.node(one, depth + 1);
    else if (rule === "scalar" && typeof value === "object") {
      throw new Refused("construct_not_allowed", at);
    } else if (rule === "names" && namesOf(value) === null) {
      throw new Refused("construct_not_allowed", at);
    } else if (typeof rule === "object") {
      if ("of" in rule) this.#members(rule.of, treeOf(value), depth + 1);
      else if (!rule.one.includes(value)) throw new Refused("construct_not_allowed", at);
    }
  }

  /** Plain DISTINCT is a list of one node that is nothing. */
  #distinct(value: unknown, depth: number): void {
    for (const one of listOf(value)) {
      if (isTree(one) && Object.keys(one).length > 0) this.node(one, depth + 1);
    }
  }
}

/** The members of the one SELECT that a query is. */
export function selectOf(wrapper: Tree): Tree {
  const [type, members] = opened(wrapper);
  if (type !== "SelectStmt") throw new Refused("not_a_query");
  return members;
}
