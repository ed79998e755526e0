/** Id patterns: lower-case ASCII only, so no two ids look alike in a log or an approval. */
export const TOOL_ID = /^[a-z][a-z0-9_]{0,63}$/;
/** Agents, destinations, networks, write domains, labels, purposes, edges, approval kinds, bundles. */
export const PLAIN_ID = /^[a-z][a-z0-9-]{0,63}$/;
export const DATA_CLASS_ID = /^[a-z][a-z0-9_.-]{0,63}$/;
/** Argument names are Cedar attributes and path placeholders, too. */
export const ARGUMENT_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/** `schema.name`, as PostgreSQL keeps them. Its own are not for anybody to ask about. */
export const RELATION_ID = /^(?!pg_|information_schema\.)[^."\\\s]{1,63}\.(?!pg_)[^."\\]{1,63}$/;
/** Without those that every table has, which tell what the table does not. */
export const COLUMN_NAME = /^(?!(?:ctid|xmin|xmax|cmin|cmax|tableoid)$)[^"\\]{1,63}$/;
export const RULE_ID = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;
/** Rule ids that are not policies': one of these must not pose as another. */
export const RESERVED_RULE_PREFIXES = [
  "core:",
  "default:",
  "trust:",
  "delegation:",
  "lock:",
  "containment:",
] as const;
