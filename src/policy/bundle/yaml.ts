import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Node } from "yaml";
import { mayAdd } from "./jsonc.ts";
import { MAX_DEPTH } from "./limits.ts";
import {
  locatedArray,
  locatedObject,
  locatedScalar,
  type Located,
  type Member,
} from "./located.ts";
import type { Report } from "./mistake.ts";
import type { SourceFile } from "./source-file.ts";

/** YAML 1.2, JSON's types only. Undefined: not YAML, and the mistakes say so. */
export function parseYaml(file: SourceFile, report: Report): Located | undefined {
  const deep = tooDeepAt(file.text);
  if (deep !== null) {
    report.add(
      file,
      deep,
      "too_deep",
      `more than ${MAX_DEPTH} levels of nesting`,
      "flatten the document",
    );
    return undefined;
  }
  const document = parseDocument(file.text, {
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: new LineCounter(),
  });
  for (const error of document.errors) {
    report.add(
      file,
      error.pos[0],
      "yaml_syntax",
      `not valid YAML: ${error.message.split("\n")[0]}`,
      "correct the syntax here or just before",
    );
  }
  if (document.errors.length > 0) return undefined;
  return locate(document.contents, 0, file, report);
}

function locate(node: unknown, at: number, file: SourceFile, report: Report): Located {
  const offset = (node as Node | null)?.range?.[0] ?? at;
  const scalar = isScalar(node) ? node.value : null;
  if (isAlias(node) || (node as Node | null)?.tag !== undefined || hasAnchor(node)) {
    // Aliases multiply (a few lines become gigabytes); tags make values of other types.
    feature(file, offset, report, "anchors, aliases and tags are not allowed");
    return locatedScalar(offset, null);
  }
  if (isSeq(node)) {
    return locatedArray(
      offset,
      node.items.map((item) => locate(item, offset, file, report)),
    );
  }
  if (isMap(node)) {
    const members = new Map<string, Member>();
    for (const pair of node.items) {
      const keyOffset = (pair.key as Node | null)?.range?.[0] ?? offset;
      const key = isScalar(pair.key) ? pair.key.value : undefined;
      if (typeof key !== "string") {
        feature(file, keyOffset, report, "a key must be a string");
        continue;
      }
      const value = locate(pair.value, keyOffset, file, report);
      if (mayAdd(key, members, keyOffset, file, report)) {
        members.set(key, { keyOffset, node: value });
      }
    }
    return locatedObject(offset, members);
  }
  if (typeof scalar === "number" && !Number.isFinite(scalar)) {
    feature(file, offset, report, "infinity and NaN have no JSON form");
    return locatedScalar(offset, null);
  }
  return locatedScalar(offset, scalar as null | boolean | number | string);
}

function feature(file: SourceFile, offset: number, report: Report, message: string): void {
  report.add(file, offset, "yaml_feature", message, "write the value out as plain YAML");
}

function hasAnchor(node: unknown): boolean {
  return (isScalar(node) || isSeq(node) || isMap(node)) && node.anchor !== undefined;
}

/** The parser recurses; brackets and indentation bound how deep, so count both before it starts. */
function tooDeepAt(text: string): number | null {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "[" || char === "{") depth++;
    else if (char === "]" || char === "}") depth = Math.max(0, depth - 1);
    if (depth > MAX_DEPTH) return at;
  }
  const steps = /^[ ]*(?:- +)*/gm;
  for (const match of text.matchAll(steps)) {
    if (match[0].length > 4 * MAX_DEPTH) return match.index;
  }
  return null;
}
