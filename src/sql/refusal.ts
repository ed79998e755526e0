/** Why a statement is refused, and what its author can do about it. Codes are stable. */
export const SQL_REFUSALS = {
  text_too_long: "Write a shorter statement.",
  text_malformed: "Write plain text, without NUL.",
  syntax: "Correct the syntax: this is not PostgreSQL.",
  several_statements: "Send exactly one statement.",
  not_a_query: "Write one SELECT, VALUES or WITH … SELECT.",
  too_deep: "Nest less.",
  too_large: "Write a simpler statement.",
  construct_not_allowed:
    "Write it with SELECT, JOIN … ON, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT.",
  write_in_query: "Only read: no INSERT, UPDATE, DELETE or MERGE, also not under WITH.",
  into_clause: "Leave out INTO: nothing is stored.",
  locking_clause: "Leave out FOR UPDATE and FOR SHARE: nothing is locked.",
  recursive_query: "Write it without RECURSIVE.",
  natural_join: "Write JOIN … ON or JOIN … USING.",
  function_not_allowed: "Use common aggregates and text, number, date and JSON functions only.",
  operator_not_allowed: "Use the common operators only.",
  type_not_allowed: "Cast to text, numbers, dates, times, boolean, uuid or json only.",
  relation_unknown: "Use the relations of this tool only.",
  relation_ambiguous: "Write the relation with its schema.",
  alias_missing: "Give each subquery in FROM an alias.",
  alias_refused: "Choose another alias; a relation takes no column aliases.",
  column_unknown: "Use the columns of these relations only.",
  column_qualified: "Write a column as alias.column, without a schema.",
  whole_row: "Name the columns: a whole row is no value.",
  parameters: "Use $1, $2, … for each value of the parameters, and no other.",
  summary_shape:
    "Write one SELECT of aggregates and grouped columns from one relation; no subquery, join, DISTINCT or window.",
  summary_value: "Use count, sum, avg, stddev and variance of a bare column, and grouped columns.",
  summary_filter: "Compare bare columns with plain values only.",
  summary_group: "Group by bare columns, or date_trunc of year, quarter, month, day or hour.",
  write_expected: "Write one INSERT … VALUES, UPDATE … WHERE or DELETE … WHERE.",
  write_source:
    "Use the one relation only, without WITH, FROM, USING, SELECT or a subquery: ask a query first.",
  write_assignment: "Assign one value to one column by its name: no lists, fields or elements.",
  write_value: "Write the value itself, or leave the column out: no DEFAULT, and no time of now.",
  write_returning: "Leave out RETURNING: the keys of the rows are the answer.",
  write_conflict: "Leave out ON CONFLICT: ask first what is there.",
  write_condition: "Say in WHERE which rows: name at least one column.",
  write_columns: "List each column once, and give each row a value for each of them.",
  write_rows: "Write fewer rows at a time.",
  write_denied:
    "Write only what this tool says: some relations take no INSERT, UPDATE or DELETE, and some columns are never written.",
} as const;

export type SqlRefusal = keyof typeof SQL_REFUSALS;

/** Thrown inside the guard only; who calls the guard gets a value. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly code: SqlRefusal;
  /** Byte offset in the text; null: the whole. */
  readonly at: number | null;

  constructor(code: SqlRefusal, at: number | null = null) {
    super(code);
    this.code = code;
    this.at = at;
  }
}
