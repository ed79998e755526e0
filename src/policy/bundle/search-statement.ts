/** A table or view of pages, one row each, and what its columns are called. All names are checked. */
export interface PageTable {
  readonly relation: PageRelation;
  readonly columns: { readonly [column in PageColumn]: string };
}

export interface PageRelation {
  readonly schema: string;
  readonly name: string;
}

/** `index`: the vector, or the words. */
export const PAGE_COLUMNS = ["id", "title", "text", "class", "tenant", "index"] as const;
export type PageColumn = (typeof PAGE_COLUMNS)[number];

/** Small letters, so that quoted and unquoted mean the same; nothing that would need an escape. */
export const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;

/** Characters of a page that a hit shows: enough to judge it, and no way to read a page through. */
const SNIPPET_CHARS = 500;
const HEADLINE = 'MaxFragments=1, MinWords=15, MaxWords=60, StartSel="", StopSel=""';

/**
 * Parameters: `$1` what is looked for, `$2` the tenant, `$3` the classes that may be shown, `$4` how many
 * hits. One text for one table, so that a connector can allow it by its digest.
 */
export function vectorStatement(table: PageTable): string {
  const { title, text, index } = quoted(table.columns);
  return [
    `select ${shown(table, "id")} as id, ${title}::text as title,`,
    `left(${text}::text, ${SNIPPET_CHARS}) as snippet, 1 - (${index} <=> $1) as score,`,
    `${shown(table, "class")} as class from ${relationOf(table)}`,
    `where ${allowed(table)} and ${index} is not null order by ${index} <=> $1 limit $4`,
  ].join(" ");
}

/** The excerpt is made of the hits alone: it costs more than finding them. */
export function textStatement(table: PageTable, language: string): string {
  const { title, text, index } = quoted(table.columns);
  const query = `websearch_to_tsquery('${language}'::regconfig, $1)`;
  const hits = [
    `select ${shown(table, "id")} as id, ${title}::text as title, ${text}::text as text,`,
    `ts_rank_cd(${index}, ${query})::float8 as score, ${shown(table, "class")} as class`,
    `from ${relationOf(table)} where ${allowed(table)} and ${index} @@ ${query}`,
    `order by score desc, id limit $4`,
  ].join(" ");
  const excerpt = `ts_headline('${language}'::regconfig, text, ${query}, '${HEADLINE}')`;
  return `select id, title, left(${excerpt}, ${SNIPPET_CHARS}) as snippet, score, class from (${hits}) as hit order by score desc, id`;
}

/** Policy's part: whose pages, and of which classes. It stands in the statement, whoever asks. */
function allowed(table: PageTable): string {
  return `${shown(table, "tenant")} = $2 and ${shown(table, "class")} = any ($3::text[])`;
}

function shown({ columns }: PageTable, column: PageColumn): string {
  return `"${columns[column]}"::text`;
}

function relationOf({ relation }: PageTable): string {
  return `"${relation.schema}"."${relation.name}"`;
}

function quoted(columns: PageTable["columns"]): PageTable["columns"] {
  const pairs = PAGE_COLUMNS.map((column) => [column, `"${columns[column]}"`] as const);
  return Object.fromEntries(pairs) as PageTable["columns"];
}
