import { createHash } from "node:crypto";
import type { JsonObject } from "../../core/model/json.ts";
import { type Sensitivity } from "./guess.ts";
import { readDocument } from "./document.ts";
import { MAX_OPERATIONS } from "./limits.ts";
import { type Note, Notes } from "./note.ts";
import {
  findOperations,
  type Found,
  importOperation,
  type Imported,
  type Target,
  toolIdOf,
} from "./operation.ts";
import { References } from "./reference.ts";
import type { Credential } from "./security.ts";

export interface ImportOptions extends Target {
  /** Patterns with `*` for operation ids or `METHOD /path`; none: all. */
  readonly only: readonly string[];
}

export interface Import {
  readonly ok: boolean;
  /** By id. */
  readonly tools: readonly Imported[];
  readonly notes: readonly Note[];
  /** Notes beyond those that are kept. */
  readonly moreNotes: number;
  /** Data classes that the tools name. */
  readonly levels: readonly Sensitivity[];
  readonly connector: ConnectorEntry;
}

/** What the connector's own allow-list has to name, for all of it to be reached. */
export interface ConnectorEntry {
  readonly methods: readonly string[];
  readonly paths: readonly string[];
  /** Headers that arguments set. */
  readonly requestHeaders: readonly string[];
  readonly credentials: readonly Credential[];
}

/**
 * An OpenAPI document as tool descriptions: the same text and options give the same bytes. Every
 * guess is marked for review, and what cannot be sent exactly is no tool.
 */
export function importOpenApi(text: string, options: ImportOptions): Import {
  const notes = new Notes();
  const document = readDocument(text, notes);
  const tools = document === null ? [] : importAll(document, options, notes);
  return {
    ok: !notes.failed,
    tools: notes.failed ? [] : tools,
    notes: notes.all,
    moreNotes: notes.more,
    levels: [...new Set(tools.flatMap(({ levels }) => [...levels]))].sort(),
    connector: entryOf(tools),
  };
}

function importAll(
  document: JsonObject,
  options: ImportOptions,
  notes: Notes,
): readonly Imported[] {
  const root = { value: document, pointer: "" };
  const references = new References(document, notes);
  const found = findOperations(root, references, notes).filter((one) =>
    isWanted(one, options.only),
  );
  if (found.length === 0) {
    notes.add("error", "nothing_chosen", "/paths", "no operation, or none that --only names");
  }
  if (found.length > MAX_OPERATIONS) {
    const message = `${found.length} operations, more than ${MAX_OPERATIONS}: choose with --only`;
    notes.add("error", "too_many_operations", "/paths", message);
    return [];
  }
  const taken = new Set<string>();
  const imported = found.flatMap((one) => {
    const id = toolIdOf(options.destination, one.operationId, sha256);
    if (taken.has(id)) {
      const message = `another operation is called ${id} already`;
      notes.add("skipped", "id_taken", one.at.pointer, message);
      return [];
    }
    taken.add(id);
    return importOperation(one, root, id, options, references, notes) ?? [];
  });
  return imported.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function isWanted({ method, path, operationId }: Found, only: readonly string[]): boolean {
  if (only.length === 0) return true;
  return only.some(
    (pattern) => matches(pattern, operationId) || matches(pattern, `${method} ${path}`),
  );
}

/** Without a regular expression: `*a*a*a*b` would make one take forever. */
function matches(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return pattern === text;
  if (!text.startsWith(first)) return false;
  const last = rest.pop() ?? "";
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

function entryOf(tools: readonly Imported[]): ConnectorEntry {
  const credentials = new Map(
    tools.flatMap((tool) => tool.credentials.map((one) => [one.scheme, one] as const)),
  );
  return {
    methods: sorted(tools.map(({ method }) => method)),
    paths: sorted(tools.map(({ path }) => path)),
    requestHeaders: sorted(tools.flatMap(({ headers }) => headers)),
    credentials: [...credentials.values()],
  };
}

function sorted(values: readonly string[]): readonly string[] {
  return [...new Set(values)].sort();
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
