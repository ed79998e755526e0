import { parse } from "yaml";
import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { MAX_DOCUMENT_BYTES, MAX_DOCUMENT_DEPTH, MAX_DOCUMENT_VALUES } from "./limits.ts";
import type { Notes } from "./note.ts";

/** Null: this is no document that can be imported, and the notes say why. */
export function readDocument(text: string, notes: Notes): JsonObject | null {
  if (Buffer.byteLength(text) > MAX_DOCUMENT_BYTES) {
    notes.add("error", "document_too_big", "", `more than ${MAX_DOCUMENT_BYTES} bytes`);
    return null;
  }
  const document = parseText(text.replace(/^\uFEFF/, ""));
  if (!isObject(document)) {
    notes.add("error", "document_syntax", "", "neither a JSON nor a YAML object");
    return null;
  }
  if (!isBounded(document)) {
    const most = `${MAX_DOCUMENT_DEPTH} levels or ${MAX_DOCUMENT_VALUES} values`;
    notes.add("error", "document_too_deep", "", `more than ${most}`);
    return null;
  }
  const { openapi } = document;
  if (typeof openapi === "string" && /^3\.[01]\.\d+$/.test(openapi)) return document;
  const message = "openapi must be 3.0.x or 3.1.x; convert older documents first";
  notes.add("error", "version_unsupported", "/openapi", message);
  return null;
}

function parseText(text: string): Json | undefined {
  try {
    return (/^\s*\{/.test(text) ? JSON.parse(text) : parse(text, { schema: "core" })) as Json;
  } catch {
    // Not the parser's words: they quote the document.
    return undefined;
  }
}

/** Without recursion: this is what makes recursion safe. */
function isBounded(document: Json): boolean {
  let level: readonly Json[] = [document];
  let values = 0;
  for (let depth = 0; level.length > 0; depth++) {
    values += level.length;
    if (depth > MAX_DOCUMENT_DEPTH || values > MAX_DOCUMENT_VALUES) return false;
    level = level.flatMap((value) =>
      typeof value === "object" && value !== null ? (Object.values(value) as Json[]) : [],
    );
  }
  return true;
}
