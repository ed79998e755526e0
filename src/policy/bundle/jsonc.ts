import { createScanner, parseTree, printParseErrorCode } from "jsonc-parser";
import type { Node, ParseError } from "jsonc-parser";
import { MAX_DEPTH } from "./limits.ts";
import {
  FORBIDDEN_KEY,
  locatedArray,
  locatedObject,
  locatedScalar,
  type Located,
  type Member,
} from "./located.ts";
import type { Report } from "./mistake.ts";
import type { SourceFile } from "./source-file.ts";

/** Undefined: the text is no JSONC, and the mistakes say so. */
export function parseJsonc(file: SourceFile, report: Report): Located | undefined {
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
  const errors: ParseError[] = [];
  const root = parseTree(file.text, errors, { allowTrailingComma: true });
  for (const error of errors) {
    report.add(
      file,
      error.offset,
      "jsonc_syntax",
      `not valid JSON with comments: ${words(printParseErrorCode(error.error))}`,
      "correct the syntax here or just before",
    );
  }
  if (errors.length > 0 || root === undefined) return undefined;
  return locate(root, file, report);
}

function locate(node: Node, file: SourceFile, report: Report): Located {
  const children = node.children ?? [];
  if (node.type === "array") {
    return locatedArray(
      node.offset,
      children.map((child) => locate(child, file, report)),
    );
  }
  if (node.type === "object") return locateObject(node, file, report);
  return locatedScalar(node.offset, node.value as null | boolean | number | string);
}

function locateObject(node: Node, file: SourceFile, report: Report): Located {
  const members = new Map<string, Member>();
  for (const property of node.children ?? []) {
    const [keyNode, valueNode] = property.children ?? [];
    if (keyNode === undefined || valueNode === undefined) continue;
    const key = keyNode.value as string;
    const value = locate(valueNode, file, report);
    if (mayAdd(key, members, keyNode.offset, file, report)) {
      members.set(key, { keyOffset: keyNode.offset, node: value });
    }
  }
  return locatedObject(node.offset, members);
}

/** Two readers that keep different copies of a key can be played against each other. */
export function mayAdd(
  key: string,
  members: ReadonlyMap<string, Member>,
  offset: number,
  file: SourceFile,
  report: Report,
): boolean {
  if (key === FORBIDDEN_KEY) {
    report.add(file, offset, "forbidden_key", `the key "${key}" is not allowed`, "rename the key");
    return false;
  }
  const first = members.get(key);
  if (first === undefined) return true;
  const { line } = file.position(first.keyOffset);
  report.add(
    file,
    offset,
    "duplicate_key",
    `the key "${key}" stands here twice`,
    `keep one of the two: the first is in line ${line}`,
  );
  return false;
}

function tooDeepAt(text: string): number | null {
  // Token kinds of jsonc-parser: its const enum cannot be imported when types are stripped.
  const [openBrace, closeBrace, openBracket, closeBracket, end] = [1, 2, 3, 4, 17];
  const scanner = createScanner(text, true);
  let depth = 0;
  for (;;) {
    const token: number = scanner.scan();
    if (token === end) return null;
    if (token === openBrace || token === openBracket) depth++;
    else if (token === closeBrace || token === closeBracket) depth--;
    if (depth > MAX_DEPTH) return scanner.getTokenOffset();
  }
}

/** `CloseBraceExpected` → `close brace expected`. */
function words(name: string): string {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
}
