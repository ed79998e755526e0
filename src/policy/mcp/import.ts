import { isObject, parseStrict, type Json, type JsonObject } from "../../core/model/json.ts";
import { foldName } from "../../core/model/name-fold.ts";
import { MCP_TOOL_NAME } from "../../core/model/operation.ts";
import type { Tier } from "../../core/model/policy.ts";
import { readInput } from "../bundle/input.ts";
import { parseJsonc } from "../bundle/jsonc.ts";
import { MAX_DESCRIPTION_CHARS, MAX_TITLE_CHARS } from "../bundle/limits.ts";
import { Report } from "../bundle/mistake.ts";
import type { BundleFiles } from "../bundle/model.ts";
import { TOOL_ID } from "../bundle/names.ts";
import { toolIdOf } from "../bundle/paths.ts";
import { SourceFile } from "../bundle/source-file.ts";
import { isPaging } from "../openapi/guess.ts";
import { cleanText, snake, titleOf } from "../openapi/text.ts";

/** One tool as an MCP server lists it, with the digest that is its pin. */
export interface Offered {
  readonly definition: JsonObject;
  readonly digest: string;
  readonly shadowed: boolean;
}

export interface McpTarget {
  readonly destination: string;
  readonly tier: Tier;
  readonly dataClass: string;
}

export const REFUSED_CODES = [
  "name_unsupported",
  "name_shadowed",
  "id_taken",
  "id_confusable",
  "schema_unsupported",
] as const;

export interface Refused {
  readonly code: (typeof REFUSED_CODES)[number];
  /** As the server calls it. */
  readonly tool: string;
}

export interface McpImport {
  readonly tools: readonly { readonly id: string; readonly tool: JsonObject }[];
  readonly refused: readonly Refused[];
}

const COST = 1_000;
const TIMEOUT_MS = 30_000;
const RESULT_BYTES = 1_048_576;
const DIALECT = "https://json-schema.org/draft/2020-12/schema";
/** What a person has to look at: all of it was written by the server, or guessed from it. */
const REVIEW = ["title", "description", "action", "tier", "input", "output"];

/**
 * The tools of a server as files of a bundle, each for a person to review. What passes for another
 * tool, of the server or of the bundle, is not imported: there is no telling which was meant. Pure.
 */
export function importMcp(
  offered: readonly Offered[],
  files: BundleFiles,
  target: McpTarget,
): McpImport {
  const known = knownTools(files);
  const tools: { id: string; tool: JsonObject }[] = [];
  const refused: Refused[] = [];
  const sorted = offered.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  for (const one of sorted) {
    const name = nameOf(one);
    const id = idOf(name, target.destination);
    const code = refusalOf(one, id, known, target.destination);
    if (code === null && id !== null) {
      known.set(foldName(id), { id, destination: target.destination, tool: name });
      tools.push({ id, tool: describe(one, id, target) });
    } else refused.push({ code: code ?? "name_unsupported", tool: name });
  }
  return { tools, refused };
}

interface Known {
  readonly id: string;
  readonly destination: unknown;
  /** Undefined: it is no tool of an MCP server. */
  readonly tool: unknown;
}

function refusalOf(
  { definition, shadowed }: Offered,
  id: string | null,
  known: ReadonlyMap<string, Known>,
  destination: string,
): Refused["code"] | null {
  const name = String(definition["name"]);
  if (!MCP_TOOL_NAME.test(name) || id === null) return "name_unsupported";
  if (shadowed) return "name_shadowed";
  const other = known.get(foldName(id));
  if (other !== undefined && other.id !== id) return "id_confusable";
  const same = other?.destination === destination && other.tool === name;
  if (other !== undefined && !same) return "id_taken";
  return isReadable(inputOf(definition)) ? null : "schema_unsupported";
}

function nameOf({ definition }: Offered): string {
  return String(definition["name"]);
}

function idOf(name: string, destination: string): string | null {
  const id = `${snake(destination)}_${snake(name)}`;
  return TOOL_ID.test(id) && snake(name) !== "" ? id : null;
}

function knownTools(files: BundleFiles): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const [path, text] of Object.entries(files)) {
    const id = toolIdOf(path);
    if (id === undefined) continue;
    const found = parseJsonc(new SourceFile(path, text), new Report())?.value;
    const tool = isObject(found) ? found : {};
    const mcp = isObject(tool["mcp"]) ? tool["mcp"] : {};
    known.set(foldName(id), { id, destination: tool["destination"], tool: mcp["tool"] });
  }
  return known;
}

function describe({ definition, digest }: Offered, id: string, target: McpTarget): JsonObject {
  const { name, title, description, annotations } = definition;
  const hints = isObject(annotations) ? annotations : {};
  const words = cleanText(title ?? hints["title"], MAX_TITLE_CHARS);
  const input = inputOf(definition);
  // A hint of the server's own: a guess like the rest.
  const reads = hints["readOnlyHint"] === true;
  const paging = reads ? Object.keys(input["properties"] as JsonObject).filter(isPaging) : [];
  return {
    id,
    title: words === "" ? titleOf(id) : words,
    description: cleanText(description, MAX_DESCRIPTION_CHARS) || titleOf(id),
    review: [...REVIEW, ...(paging.length > 0 ? ["paging"] : [])],
    destination: target.destination,
    action: reads ? "read" : "execute",
    tier: target.tier,
    cost: COST,
    timeoutMs: TIMEOUT_MS,
    maxResultBytes: RESULT_BYTES,
    ...(paging.length > 0 && { paging }),
    mcp: { tool: String(name), pin: digest },
    input,
    output: { kind: "mcp-content", dataClass: target.dataClass },
  };
}

/** Closed: an argument that nobody declared was reviewed by nobody. */
function inputOf(definition: JsonObject): JsonObject {
  const { inputSchema } = definition;
  const schema = isObject(inputSchema) ? inputSchema : {};
  const { $schema: dialect, ...rest } = schema;
  const properties: Json = isObject(schema["properties"]) ? schema["properties"] : {};
  // The one that arguments are checked by; under another name the same words could mean something else.
  const named = dialect === DIALECT ? { $schema: DIALECT } : {};
  return { ...named, ...rest, type: "object", properties, additionalProperties: false };
}

/** As the check of a bundle reads it: what that does not know, nobody would check. */
function isReadable(input: JsonObject): boolean {
  const text = JSON.stringify(input);
  const report = new Report();
  const file = new SourceFile("input", text);
  const node = parseStrict(text).ok ? parseJsonc(file, report) : undefined;
  if (node === undefined) return false;
  readInput(node, { file, report });
  return report.count === 0;
}
