import type { Catalogue, Column, Relation } from "./catalogue.ts";
import { checkNodes, selectOf } from "./nodes.ts";
import { parseOne } from "./parse.ts";
import { QUERIES } from "./query-grammar.ts";
import { Refused, type SqlRefusal } from "./refusal.ts";
import { resolve, type Resolved } from "./resolve.ts";
import { fenced } from "./rewrite.ts";
import { refusalOfSealed, type Readable } from "./sealed.ts";
import { checkSummary, withConditions } from "./summary.ts";
import type { Tree } from "./tree.ts";

/** A query that may be asked, if policy lets its caller see these classes. */
export interface GuardedQuery {
  readonly ok: true;
  /** Sorted, as `schema.name`. */
  readonly relations: readonly string[];
  /** Sorted, as `schema.name.column`: named anywhere, or covered by a `*`. */
  readonly columns: readonly string[];
  /** Sorted: of the relations, and of the columns that are named. */
  readonly classes: readonly string[];
  /** The statement to execute, in which no column of another class exists. */
  render(isDisclosed: (dataClass: string) => boolean): string;
}

export interface RefusedQuery {
  readonly ok: false;
  readonly code: SqlRefusal;
  /** Byte of the statement where it shows; null: everywhere. */
  readonly at: number | null;
}

export interface QueryRules {
  /** How many values are given for `$1`, `$2`, … */
  readonly parameters: number;
  /** Rows that every group of a summary has at least; null: this is no summary. */
  readonly minGroup: number | null;
}

/** From a text that nobody vouches for to what it is about. Pure, total; the text is a value. */
export function guardQuery(
  text: string,
  catalogue: Catalogue,
  rules: QueryRules,
): GuardedQuery | RefusedQuery {
  try {
    return guarded(text, catalogue, rules);
  } catch (error) {
    if (error instanceof Refused) return { ok: false, code: error.code, at: error.at };
    throw error;
  }
}

function guarded(text: string, catalogue: Catalogue, rules: QueryRules): GuardedQuery {
  const { minGroup, parameters } = rules;
  const given = readQuery(text);
  const missing = minGroup === null ? [] : checkSummary(given, minGroup);
  const sized = missing.length === 0 ? text : withConditions(text, missing);
  const query = missing.length === 0 ? given : readQuery(sized);
  if (minGroup !== null && checkSummary(query, minGroup).length > 0) {
    throw new Refused("summary_shape");
  }
  const found = resolve(query, catalogue);
  if (!isCount(found.parameters, parameters)) throw new Refused("parameters");
  const render = (visible: (column: Column) => boolean): string =>
    fenced(sized, found.mentions, visible);
  // What the connector is going to say of it, before anything is admitted.
  const refusal = refusalOfSealed(
    render(() => true),
    readableOf(catalogue),
    minGroup,
  );
  if (refusal !== null) throw new Refused("construct_not_allowed");
  return {
    ok: true,
    relations: sorted([...found.relations].map(({ id }) => id)),
    columns: sorted([...found.columns, ...found.starred].map(({ id }) => id)),
    classes: classesOf(found),
    render: (isDisclosed) => render(({ dataClass }) => isDisclosed(dataClass)),
  };
}

function readQuery(text: string): Tree {
  const tree = parseOne(text);
  const select = selectOf(tree);
  checkNodes(tree, QUERIES);
  return select;
}

/** A value that no `$n` stands for would be one that nobody judged. */
function isCount(numbers: ReadonlySet<number>, count: number): boolean {
  return numbers.size === count && [...numbers].every((one) => one >= 1 && one <= count);
}

function classesOf({ relations, columns }: Resolved): readonly string[] {
  const all: readonly (Relation | Column)[] = [...relations, ...columns];
  return sorted(all.map(({ dataClass }) => dataClass));
}

function readableOf(catalogue: Catalogue): Readable {
  return new Map(
    [...catalogue.relations].map(([id, { columns }]) => [id, new Set(columns.keys())]),
  );
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
