import { isObject, type Json, type JsonObject } from "../core/model/json.ts";
import { isBase64, mediaType } from "./body.ts";

export interface ReadContent {
  readonly content: readonly Json[];
  readonly isError: boolean;
  /** Members nobody declared, taken out. */
  readonly undeclared: number;
}

type Member = (value: Json) => boolean;

interface Shape {
  readonly required: { readonly [name: string]: Member };
  readonly optional: { readonly [name: string]: Member };
}

const text: Member = (value) => typeof value === "string" && value.isWellFormed();
const base64: Member = (value) => typeof value === "string" && isBase64(value);
const mime: Member = (value) => typeof value === "string" && mediaType(value) !== null;
const uri: Member = (value) => typeof value === "string" && URL.canParse(value);
const size: Member = (value) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

const CONTENTS: Shape = {
  required: { uri },
  optional: { mimeType: mime, text, blob: base64 },
};

/** MCP's content blocks, with the members an agent can use. */
const BLOCKS: { readonly [type: string]: Shape } = {
  text: { required: { text }, optional: {} },
  image: { required: { data: base64, mimeType: mime }, optional: {} },
  audio: { required: { data: base64, mimeType: mime }, optional: {} },
  resource: { required: { resource: isContents }, optional: {} },
  resource_link: {
    required: { uri, name: text },
    optional: { title: text, description: text, mimeType: mime, size },
  },
};

/**
 * `content[]` of a tool result, each block checked and built anew. `structuredContent` and `_meta`
 * are further copies or channels that nobody classified: they do not pass. Null: not a result.
 */
export function readContent(value: Json): ReadContent | null {
  if (!isObject(value) || !Array.isArray(value["content"])) return null;
  const { isError } = value;
  if (isError !== undefined && typeof isError !== "boolean") return null;
  const known = isError === undefined ? 1 : 2;
  let undeclared = Object.keys(value).length - known;
  const content: Json[] = [];
  for (const given of value["content"] as readonly Json[]) {
    const block = isObject(given) ? readBlock(given) : null;
    if (block === null) return null;
    content.push(block.value);
    undeclared += block.undeclared;
  }
  return { content, isError: isError === true, undeclared };
}

interface Read {
  readonly value: JsonObject;
  readonly undeclared: number;
}

function readBlock(block: JsonObject): Read | null {
  const { type } = block;
  const shape = typeof type === "string" && Object.hasOwn(BLOCKS, type) ? BLOCKS[type] : undefined;
  const read = shape === undefined ? null : readShape(block, shape);
  if (read === null || typeof type !== "string") return null;
  const undeclared = read.undeclared - 1;
  if (type !== "resource") return { value: { type, ...read.value }, undeclared };
  const contents = readShape(block["resource"] as JsonObject, CONTENTS);
  return contents === null
    ? null
    : { value: { type, resource: contents.value }, undeclared: undeclared + contents.undeclared };
}

function isContents(value: Json): boolean {
  return isObject(value) && Object.hasOwn(value, "text") !== Object.hasOwn(value, "blob");
}

function readShape(given: JsonObject, { required, optional }: Shape): Read | null {
  const value: Record<string, Json> = {};
  for (const [name, check] of Object.entries({ ...required, ...optional })) {
    if (!Object.hasOwn(given, name)) {
      if (Object.hasOwn(required, name)) return null;
      continue;
    }
    const member = given[name] as Json;
    if (!check(member)) return null;
    value[name] = member;
  }
  return { value, undeclared: Object.keys(given).length - Object.keys(value).length };
}
