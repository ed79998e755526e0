import { operatorOf, typeOf } from "./allowed.ts";
import { Refused, type SqlRefusal } from "./refusal.ts";
import { as, listOf, namesOf, placeOf, type Tree } from "./tree.ts";

/**
 * What a member may hold: a scalar that changes nothing, one of these scalars, a wrapped node, a list
 * of them, a node of the type given, a list of names, or something that `check` looked at whole.
 */
export type Rule =
  | "scalar"
  | "node"
  | "nodes"
  | "names"
  | "checked"
  | { readonly of: string }
  | { readonly one: readonly unknown[] };

export interface NodeRule {
  readonly members: { readonly [member: string]: Rule };
  readonly check?: (node: Tree) => void;
}

/** All of a language that passes. A node or member that is not named is refused: what is new, too. */
export interface Grammar {
  readonly nodes: { readonly [type: string]: NodeRule };
  /** Codes that say more than "not allowed", by type, or by type and member. */
  readonly told: { readonly [place: string]: SqlRefusal };
}

export const SQL_SYNTAX: Rule = { one: ["COERCE_EXPLICIT_CALL", "COERCE_SQL_SYNTAX"] };

/** What a value is made of, and a condition, wherever they stand. */
export const EXPRESSIONS: Grammar["nodes"] = {
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
  List: { members: { items: "nodes" } },
  A_ArrayExpr: {
    members: { elements: "nodes", location: "scalar", list_start: "scalar", list_end: "scalar" },
  },
  RowExpr: { members: { args: "nodes", row_format: "scalar", location: "scalar" } },
};
