import { hasEffect, type Action } from "../../core/model/policy.ts";
import { MIN_GROUP } from "../../sql/summary.ts";
import { MAX_GROUP, MAX_ROWS } from "./limits.ts";
import { find, type Located } from "./located.ts";
import type { QueryTemplate } from "./model.ts";
import { fields, integer, list, optional, required, text, type Place } from "./read.ts";
import {
  checkArguments,
  classesOf,
  nameAt,
  relationsOf,
  SET_OF_NAMES,
  unfit,
} from "./template-statement.ts";
import type { Derived, ReadTemplate, TemplateContext } from "./template.ts";

const read = fields({
  statement: required(text(64)),
  params: optional(text(64)),
  relations: required(list(text(128), 1)),
  maxRows: required(integer(1, MAX_ROWS)),
  minGroup: optional(integer(MIN_GROUP, MAX_GROUP)),
});

/** What policies read of a statement, instead of its text. */
const POLICY_ARGUMENTS: Derived["policyArguments"] = ["relations", "columns"].map((name) => ({
  name,
  type: SET_OF_NAMES,
}));

export function readQueryTemplate(
  node: Located,
  { action, args, destination }: TemplateContext,
  place: Place,
): ReadTemplate<QueryTemplate> | undefined {
  const values = read(node, place);
  if (values === undefined) return undefined;
  checkAction(node, action, place);
  checkArguments(node, args, POLICY_ARGUMENTS, "query_unfit", place);
  const named = (find(node, "relations")?.items ?? []).flatMap(nameAt);
  const relations = relationsOf(named, destination, place);
  const { statement, params, maxRows, minGroup } = values;
  if (statement === undefined || maxRows === undefined) return undefined;
  const template: QueryTemplate = {
    ...{ kind: "query", statement, relations, maxRows, preview: null },
    params: params ?? null,
    minGroup: action === "summarize" ? (minGroup ?? MAX_GROUP) : null,
  };
  const derived = { policyArguments: POLICY_ARGUMENTS, dataClasses: classesOf(relations) };
  return { template, preview: null, derived };
}

function checkAction(node: Located, action: Action | undefined, place: Place): void {
  if (action === undefined) return;
  if (hasEffect(action)) {
    const message = `a query changes nothing, but the action is "${action}"`;
    unfit(
      place,
      "query_unfit",
      node.offset,
      message,
      'make the action "read" or "summarize", or use "sql"',
    );
  }
  const group = node.members.get("minGroup");
  if (action === "summarize" && group === undefined) {
    unfit(place, "query_unfit", node.offset, "a summary of one row is that row", 'add "minGroup"');
  }
  if (action === "read" && group !== undefined) {
    const fix = 'remove "minGroup", or make the action "summarize"';
    unfit(place, "query_unfit", group.keyOffset, "a read has no groups", fix);
  }
}
