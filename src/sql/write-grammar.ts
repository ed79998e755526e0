import { functionOf, PLAIN_FUNCTIONS } from "./allowed.ts";
import { EXPRESSIONS, SQL_SYNTAX, type Grammar } from "./node-rules.ts";

const relation = { of: "RangeVar" } as const;

/**
 * What may be written: one relation, values, and a condition on its own columns. No subquery and no
 * second relation, so that a name can mean one thing only.
 */
export const WRITES: Grammar = {
  nodes: {
    ...EXPRESSIONS,
    InsertStmt: {
      members: {
        relation,
        cols: "nodes",
        selectStmt: "node",
        override: { one: ["OVERRIDING_NOT_SET"] },
      },
    },
    UpdateStmt: { members: { relation, targetList: "nodes", whereClause: "node" } },
    DeleteStmt: { members: { relation, whereClause: "node" } },
    /** VALUES of an INSERT. */
    SelectStmt: {
      members: {
        valuesLists: "nodes",
        limitOption: { one: ["LIMIT_OPTION_DEFAULT"] },
        op: { one: ["SETOP_NONE"] },
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
    Alias: { members: { aliasname: "scalar" } },
    ResTarget: { members: { name: "scalar", val: "node", location: "scalar" } },
    FuncCall: {
      members: {
        funcname: "checked",
        args: "nodes",
        funcformat: SQL_SYNTAX,
        location: "scalar",
      },
      check: (node) => void functionOf(node, PLAIN_FUNCTIONS),
    },
  },
  told: {
    MergeStmt: "write_expected",
    SubLink: "write_source",
    "InsertStmt.withClause": "write_source",
    "UpdateStmt.withClause": "write_source",
    "UpdateStmt.fromClause": "write_source",
    "DeleteStmt.withClause": "write_source",
    "DeleteStmt.usingClause": "write_source",
    "SelectStmt.targetList": "write_source",
    "SelectStmt.fromClause": "write_source",
    "SelectStmt.withClause": "write_source",
    "SelectStmt.op": "write_source",
    "SelectStmt.larg": "write_source",
    "InsertStmt.returningClause": "write_returning",
    "UpdateStmt.returningClause": "write_returning",
    "DeleteStmt.returningClause": "write_returning",
    "InsertStmt.onConflictClause": "write_conflict",
    "ResTarget.indirection": "write_assignment",
    MultiAssignRef: "write_assignment",
    SetToDefault: "write_value",
    SQLValueFunction: "write_value",
  },
};
