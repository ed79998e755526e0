import type { Column, Relation } from "./catalogue.ts";
import { tokensOf } from "./parse.ts";
import { Refused } from "./refusal.ts";
import type { Mention } from "./resolve.ts";

/**
 * Every relation becomes a subquery of those of its columns that may be seen:
 *
 *     from acme.invoices i  →  from (select id, status from acme.invoices) i
 *
 * What a name in the statement means is then decided by the database, and whatever it decides, there
 * is no other column: not by `*`, by a whole row, by USING, or by a name that we took for another. It
 * costs nothing: PostgreSQL pulls such a subquery up before it plans.
 */
export function fenced(
  text: string,
  mentions: readonly Mention[],
  visible: (column: Column) => boolean,
): string {
  const tokens = tokensOf(text);
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  let done = 0;
  let out = "";
  for (const { relation, at, qualified, aliased } of mentions.toSorted((a, b) => a.at - b.at)) {
    const first = tokens.findIndex(({ start }) => start === at);
    // schema, dot, name
    const last = first < 0 ? undefined : tokens[first + (qualified ? 2 : 0)];
    if (last === undefined || at < done) throw new Refused("construct_not_allowed", at);
    out += decoder.decode(bytes.subarray(done, at));
    out += fence(relation, visible) + (aliased ? "" : ` as ${quoted(relation.name)}`);
    done = last.end;
  }
  return out + decoder.decode(bytes.subarray(done));
}

function fence(relation: Relation, visible: (column: Column) => boolean): string {
  const names = [...relation.columns].flatMap(([name, column]) =>
    visible(column) ? [quoted(name)] : [],
  );
  return `(select ${names.join(", ")} from ${quoted(relation.schema)}.${quoted(relation.name)})`;
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
