import type { Json } from "../core/model/json.ts";

/**
 * PostgreSQL's text format ↔ JSON, the same on every server: docs/protocol/tunnel.md lists it.
 * Whatever a JavaScript number cannot hold exactly stays text.
 */
export const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  jsonb: 3802,
} as const;

type Parse = (text: string) => Json;

/** Decimal digits that survive a trip through a double. */
const EXACT_DIGITS = 15;

const integer: Parse = (text) => {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
};

/** `NaN` and `Infinity` have no JSON form. */
const float: Parse = (text) => {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
};

const numeric: Parse = (text) => {
  const digits = text.replace(/^-/, "").replace(".", "").replace(/^0+/, "");
  return /^\d{0,15}$/.test(digits) && digits.length <= EXACT_DIGITS ? Number(text) : text;
};

/** `2026-11-22 10:20:30.5+00` → RFC 3339 in UTC; the session's time zone is set to UTC. */
const timestamptz: Parse = (text) =>
  text.endsWith("+00") ? `${text.slice(0, -3).replace(" ", "T")}Z` : text;
/** Without a zone there is none to claim. */
const timestamp: Parse = (text) => text.replace(" ", "T");
const bytea: Parse = (text) => Buffer.from(text.slice(2), "hex").toString("base64");
const json: Parse = (text) => JSON.parse(text) as Json;
const text: Parse = (value) => value;

const SCALARS: { readonly [oid: number]: Parse } = {
  [OID.bool]: (value) => value === "t",
  [OID.bytea]: bytea,
  [OID.int8]: integer,
  [OID.int2]: integer,
  [OID.int4]: integer,
  [OID.oid]: integer,
  [OID.json]: json,
  [OID.float4]: float,
  [OID.float8]: float,
  [OID.date]: text,
  [OID.timestamp]: timestamp,
  [OID.timestamptz]: timestamptz,
  [OID.numeric]: numeric,
  [OID.jsonb]: json,
};

/** Array type → element type, for the built-in types a query is likely to return. */
const ARRAYS: { readonly [oid: number]: number } = {
  199: OID.json,
  1000: OID.bool,
  1001: OID.bytea,
  1005: OID.int2,
  1007: OID.int4,
  1009: 25,
  1014: 1042,
  1015: 1043,
  1016: OID.int8,
  1021: OID.float4,
  1022: OID.float8,
  1115: OID.timestamp,
  1182: OID.date,
  1185: OID.timestamptz,
  1231: OID.numeric,
  2951: 2950,
  3807: OID.jsonb,
};

export function parserOf(oid: number): Parse {
  const element = ARRAYS[oid];
  if (element === undefined) return SCALARS[oid] ?? text;
  const parse = SCALARS[element] ?? text;
  return (literal) => parseArray(literal, parse);
}

export const PARSED_OIDS: readonly number[] = [...Object.keys(SCALARS), ...Object.keys(ARRAYS)].map(
  Number,
);

/** How a parameter of this type is written; the server told us the type. */
export function serialize(oid: number, value: Json): string {
  if (oid === OID.json || oid === OID.jsonb) return JSON.stringify(value);
  if (Array.isArray(value) && ARRAYS[oid] !== undefined) return writeArray(value);
  if (typeof value === "boolean" && oid === OID.bool) return value ? "t" : "f";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** `{1,NULL,"a \"b\""}`, nested with braces; bounds (`[0:1]={…}`) carry nothing JSON could. */
function parseArray(literal: string, parse: Parse): Json {
  let at = literal.indexOf("{");
  const read = (): Json => {
    const items: Json[] = [];
    at++;
    while (at < literal.length && literal[at] !== "}") {
      if (literal[at] === ",") at++;
      else if (literal[at] === "{") items.push(read());
      else items.push(item());
    }
    at++;
    return items;
  };
  const item = (): Json => {
    if (literal[at] !== '"') {
      const end = literal.slice(at).search(/[,}]/) + at;
      const bare = literal.slice(at, end);
      at = end;
      return bare === "NULL" ? null : parse(bare);
    }
    let quoted = "";
    for (at++; literal[at] !== '"' && at < literal.length; at++) {
      if (literal[at] === "\\") at++;
      quoted += literal[at] ?? "";
    }
    at++;
    return parse(quoted);
  };
  return at < 0 ? literal : read();
}

function writeArray(value: readonly Json[]): string {
  const items = value.map((one) => {
    if (one === null) return "NULL";
    if (Array.isArray(one)) return writeArray(one);
    const plain = typeof one === "object" ? JSON.stringify(one) : String(one);
    return `"${plain.replace(/[\\"]/g, "\\$&")}"`;
  });
  return `{${items.join(",")}}`;
}
