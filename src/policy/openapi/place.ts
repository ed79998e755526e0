import { createHash } from "node:crypto";
import { applyEdits, modify } from "jsonc-parser";
import { canonical, isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { parseJsonc } from "../bundle/jsonc.ts";
import { Report } from "../bundle/mistake.ts";
import type { BundleFiles } from "../bundle/model.ts";
import { MANIFEST_FILE } from "../bundle/paths.ts";
import { SourceFile } from "../bundle/source-file.ts";
import { differences } from "./difference.ts";
import type { Sensitivity } from "./guess.ts";
import type { Import } from "./import.ts";
import type { ClassOf } from "./output.ts";

/** What became of one tool: a file that a person has changed, or begun to review, is theirs. */
export interface Placed {
  readonly id: string;
  readonly state: "new" | "updated" | "unchanged" | "same" | "differs" | "unreadable";
  /** Where such a file and the document disagree, as JSON Pointers into the file. */
  readonly at: readonly string[];
}

export interface Placement {
  readonly tools: readonly Placed[];
  /** Path → new text; nothing that a person wrote is among them. */
  readonly writes: BundleFiles;
}

const header = (source: string): string =>
  `// Imported from ${source}. Nobody may call this tool until the list "review" is empty.\n`;
/** Of all the other bytes of the file, as an import wrote them: any change makes it a person's. */
const WRITTEN = /^\/\/ sha256:([0-9a-f]{64}) as imported; .*\n/m;
const TITLES = {
  record: "What this service answers",
  personal: "What is about people",
  secret: "What opens doors: passwords, tokens, keys",
} as const satisfies Record<Sensitivity, string>;
const HIDDEN = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--[\t\n]]/gv;

/** Where the tools of a document go in a bundle that may have some of them already. Pure. */
export function placeTools(
  files: BundleFiles,
  imported: Pick<Import, "levels"> & {
    readonly tools: readonly Pick<Import["tools"][number], "id" | "tool">[];
  },
  classOf: ClassOf,
  source = "an OpenAPI document",
): Placement {
  const writes: Record<string, string> = {};
  const tools = imported.tools.map(({ id, tool }): Placed => {
    const path = `tools/${id}.jsonc`;
    const text = written(header(source), fileText(tool));
    const before = Object.hasOwn(files, path) ? files[path] : undefined;
    if (before === undefined) {
      writes[path] = text;
      return { id, state: "new", at: [] };
    }
    const found = parseJsonc(new SourceFile(path, before), new Report())?.value;
    if (!isObject(found)) return { id, state: "unreadable", at: [] };
    if (canonical(found) === canonical(tool)) return { id, state: "unchanged", at: [] };
    if (!isAsWritten(before)) {
      const at = differences(found, tool);
      return { id, state: at.length === 0 ? "same" : "differs", at };
    }
    writes[path] = text;
    return { id, state: "updated", at: [] };
  });
  const manifest = files[MANIFEST_FILE] ?? "";
  const declared = declareClasses(manifest, imported.levels, classOf);
  if (declared !== manifest && Object.keys(writes).length > 0) writes[MANIFEST_FILE] = declared;
  return { tools, writes };
}

function written(head: string, body: string): string {
  const line = `// sha256:${sha256(head + body)} as imported; a file that was changed is not written again.\n`;
  return head + line + body;
}

function isAsWritten(text: string): boolean {
  return WRITTEN.exec(text)?.[1] === sha256(text.replace(WRITTEN, ""));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Classes that the tools name; no policy mentions a new one, so nobody may see it yet. */
function declareClasses(text: string, levels: readonly Sensitivity[], classOf: ClassOf): string {
  const manifest = parseJsonc(new SourceFile(MANIFEST_FILE, text), new Report())?.value;
  const known = isObject(manifest) ? manifest["dataClasses"] : undefined;
  let edited = text;
  for (const level of levels) {
    const name = classOf(level);
    if (isObject(known) && Object.hasOwn(known, name)) continue;
    const value = { title: TITLES[level] };
    edited = applyEdits(
      edited,
      modify(edited, ["dataClasses", name], value, { formattingOptions }),
    );
  }
  return edited;
}

const formattingOptions = { insertSpaces: true, tabSize: 2 };

/** Invisible characters of foreign text become escapes: whoever reviews the file sees them. */
function fileText(tool: JsonObject): string {
  const text = JSON.stringify(tool satisfies Json, null, 2).replaceAll(HIDDEN, (char) =>
    char.length > 1
      ? [...Array(char.length).keys()].map((at) => escaped(char.charCodeAt(at))).join("")
      : escaped(char.charCodeAt(0)),
  );
  return `${text}\n`;
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
