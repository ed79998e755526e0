import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";

/** Places that one answer names: whoever reads more imports anew. */
const MAX_PLACES = 20;
/** Of the template, what the document says; the rest of it is the reviewer's. */
const SENT = ["method", "path", "query", "headers", "cookies", "body", "encoding"];
/** Of schemas, words and classes: a person wrote those. */
const WORDS = new Set(["dataClass", "records", "title", "description"]);

/**
 * Where a reviewed tool no longer says what its service's document says: what is sent, what may be
 * asked, and the form of what comes back. Words, classes, tier and limits are a person's to choose.
 */
export function differences(reviewed: JsonObject, imported: JsonObject): readonly string[] {
  const places: string[] = [];
  compare(contractOf(reviewed), contractOf(imported), "", places);
  return places.slice(0, MAX_PLACES);
}

function contractOf(tool: JsonObject): Json {
  const { http, mcp, input, output } = tool;
  const sent = isObject(http)
    ? Object.fromEntries(Object.entries(http).filter(([key]) => SENT.includes(key)))
    : null;
  return {
    http: sent,
    mcp: mcp ?? null,
    input: plain(input ?? null, false),
    output: plain(output ?? null, false),
  };
}

/** `members`: its keys are names that a service gave, not keywords. */
function plain(value: Json, members: boolean): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((one) => plain(one, false));
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([key]) => members || !WORDS.has(key));
  // No list of required members is an empty one.
  const said = kept.filter(
    ([key, one]) => members || key !== "required" || !Array.isArray(one) || one.length > 0,
  );
  return Object.fromEntries(
    said.map(([key, one]) => [key, plain(one, !members && key === "properties")]),
  );
}

function compare(one: Json | undefined, other: Json | undefined, at: string, to: string[]): void {
  if (Array.isArray(one) && Array.isArray(other) && one.length === other.length) {
    for (const [index, item] of (one as readonly Json[]).entries()) {
      compare(item, (other as readonly Json[])[index], `${at}/${index}`, to);
    }
  } else if (isObject(one) && isObject(other)) {
    for (const key of [...new Set([...Object.keys(one), ...Object.keys(other)])].sort()) {
      const step = key.replaceAll("~", "~0").replaceAll("/", "~1");
      compare(own(one, key), own(other, key), `${at}/${step}`, to);
    }
  } else if (JSON.stringify(one) !== JSON.stringify(other)) to.push(at);
}

function own(value: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}
