import { functionOf, operatorOf } from "./allowed.ts";
import { EXPRESSIONS, SQL_SYNTAX, type Grammar } from "./node-rules.ts";
import { placeOf } from "./tree.ts";

/** What may be asked. */
export const QUERIES: Grammar = {
  nodes: {
    ...EXPRESSIONS,
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
  },
  told: {
    "SelectStmt.intoClause": "into_clause",
    "SelectStmt.lockingClause": "locking_clause",
    "WithClause.recursive": "recursive_query",
    "JoinExpr.isNatural": "natural_join",
    InsertStmt: "write_in_query",
    UpdateStmt: "write_in_query",
    DeleteStmt: "write_in_query",
    MergeStmt: "write_in_query",
    A_Indirection: "construct_not_allowed",
  },
};
