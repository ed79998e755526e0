import { Refused } from "./refusal.ts";
import { listOf, namesOf, placeOf, type Tree } from "./tree.ts";

/**
 * What may be called. Nothing that reads files, settings, catalogues or other sessions, waits, makes
 * rows or very long texts out of nothing, or runs a text as a statement. All are of `pg_catalog`, and
 * the connector's search path holds nothing else: a function of the schema cannot answer to one of
 * these names.
 */
export const FUNCTIONS: ReadonlySet<string> = new Set(
  `count sum avg min max bool_and bool_or every stddev stddev_pop stddev_samp variance var_pop var_samp
  corr covar_pop covar_samp regr_slope regr_intercept regr_r2 mode percentile_cont percentile_disc
  array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg
  row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
  abs ceil ceiling floor round trunc sign mod sqrt ln log exp power div gcd lcm width_bucket
  lower upper initcap length char_length character_length octet_length btrim ltrim rtrim trim
  left right substr substring position strpos overlay replace translate reverse split_part starts_with
  concat concat_ws ascii chr md5 like_escape
  now date_trunc date_part extract age make_date make_time make_timestamp make_interval timezone
  to_char to_date to_timestamp to_number date_bin justify_days justify_hours justify_interval overlaps
  to_json to_jsonb row_to_json json_build_object jsonb_build_object json_build_array jsonb_build_array
  json_array_length jsonb_array_length json_typeof jsonb_typeof json_extract_path json_extract_path_text
  jsonb_extract_path jsonb_extract_path_text
  array_length cardinality array_to_string array_position array_append num_nulls num_nonnulls`.split(
    /\s+/,
  ),
);

/** Of these, what gives one value for one value, the same whenever it is asked. */
export const PLAIN_FUNCTIONS: ReadonlySet<string> = new Set(
  `abs ceil ceiling floor round trunc sign mod sqrt ln log exp power div gcd lcm width_bucket
  lower upper initcap length char_length character_length octet_length btrim ltrim rtrim trim
  left right substr substring position strpos overlay replace translate reverse split_part starts_with
  concat concat_ws ascii chr md5 like_escape
  date_trunc date_part extract make_date make_time make_timestamp make_interval date_bin
  to_char to_date to_number
  json_build_object jsonb_build_object json_build_array jsonb_build_array
  array_length cardinality array_to_string array_position array_append num_nulls num_nonnulls`.split(
    /\s+/,
  ),
);

export const OPERATORS: ReadonlySet<string> = new Set(
  "+ - * / % = <> != < > <= >= || ~~ !~~ ~~* !~~* ~ !~ ~* !~* -> ->> #> #>> @> <@ ? ?| ?& &&".split(
    " ",
  ),
);

/** Keywords that stand where an operator's name does. */
const KEYWORD_OPERATORS: ReadonlySet<string> = new Set([
  "BETWEEN",
  "NOT BETWEEN",
  "BETWEEN SYMMETRIC",
  "NOT BETWEEN SYMMETRIC",
]);

/** No `reg…` types: a cast to one reads the catalogue, and says what is there. */
export const TYPES: ReadonlySet<string> = new Set(
  `text varchar bpchar char int2 int4 int8 numeric float4 float8 bool date time timetz timestamp timestamptz
  interval uuid json jsonb`.split(/\s+/),
);

function unqualified(names: readonly string[] | null): string | null {
  if (names === null || names.length === 0 || names.length > 2) return null;
  if (names.length === 2 && names[0] !== "pg_catalog") return null;
  return names.at(-1) ?? null;
}

/** The name of an allowed function. */
export function functionOf(call: Tree, allowed: ReadonlySet<string> = FUNCTIONS): string {
  const name = unqualified(namesOf(call["funcname"]));
  if (name === null || !allowed.has(name)) throw new Refused("function_not_allowed", placeOf(call));
  return name;
}

export function operatorOf(list: unknown, at: number): string {
  const name = unqualified(namesOf(list));
  if (name !== null && (OPERATORS.has(name) || KEYWORD_OPERATORS.has(name))) return name;
  throw new Refused("operator_not_allowed", at);
}

/** The name of an allowed type; its modifiers are plain numbers. */
export function typeOf(type: Tree): string {
  const name = unqualified(namesOf(type["names"]));
  const sized = listOf(type["typmods"]).every((one) => Object.hasOwn(one, "A_Const"));
  if (name === null || !TYPES.has(name) || !sized) {
    throw new Refused("type_not_allowed", placeOf(type));
  }
  return name;
}
