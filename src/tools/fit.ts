import type { TruncatedPlace, ToolResult, Truncation } from "../core/model/outcome.ts";
import { TRUNCATION_ADVICE } from "../core/model/outcome-message.ts";
import type { OutputNode } from "./classify.ts";
import { type CutShort, cutText, cutToFit, sizeOfJson } from "./cut-short.ts";

export interface ResultLimits {
  /** Of what is delivered. */
  readonly maxResultBytes: number;
  /** Of what the service may send: past it the connector stops reading, and there is no result. */
  readonly maxAnswerBytes: number;
  /** Arguments that choose which part of a result comes. */
  readonly paging: readonly string[];
}

export interface Fitted {
  readonly result: ToolResult;
  readonly bytes: number;
  readonly truncation: Truncation | null;
}

/**
 * What is left of a checked and redacted result under the cap of its tool. Null: none of it can be left
 * out without making it something else.
 */
export function fit(
  root: OutputNode | null,
  result: ToolResult,
  bytes: number,
  limits: ResultLimits,
): Fitted | null {
  const size = sizeOfResult(result);
  if (size <= limits.maxResultBytes) return { result, bytes, truncation: null };
  const cut = cutResult(root, result, size, limits.maxResultBytes);
  if (cut === null) return null;
  const { value, places } = cut;
  const truncation = truncationOf(places, limits, size);
  return { result: value, bytes: sizeOfResult(value), truncation };
}

/** A result of which the connector read no more rows. */
export function truncationOf(
  places: readonly TruncatedPlace[],
  { maxResultBytes: maxBytes, paging }: ResultLimits,
  bytes?: number,
): Truncation {
  return {
    places,
    maxBytes,
    ...(bytes !== undefined && { bytes }),
    arguments: paging,
    advice: paging.length > 0 ? TRUNCATION_ADVICE.page : TRUNCATION_ADVICE.narrow,
  };
}

function sizeOfResult(result: ToolResult): number {
  switch (result.kind) {
    case "json":
      return sizeOfJson(result.value);
    case "mcp":
      return sizeOfJson(result.content);
    case "text":
      return Buffer.byteLength(result.text);
    case "binary":
      return Buffer.byteLength(result.base64, "base64");
  }
}

function cutResult(
  root: OutputNode | null,
  result: ToolResult,
  size: number,
  maxBytes: number,
): CutShort<ToolResult> | null {
  if (result.kind === "json") {
    const cut = cutToFit(root, result.value, size - maxBytes);
    return cut && { ...cut, value: { ...result, value: cut.value } };
  }
  if (result.kind === "mcp") {
    const cut = cutToFit(null, result.content, size - maxBytes);
    return cut && Array.isArray(cut.value)
      ? { ...cut, value: { ...result, content: cut.value } }
      : null;
  }
  if (result.kind !== "text" || !isPlain(result.contentType)) return null;
  const cut = cutText(result.text, maxBytes);
  return { ...cut, value: { ...result, text: cut.value } };
}

/** The beginning of a document in one of the others is none: half of an element, or of a value. */
function isPlain(contentType: string): boolean {
  return contentType.startsWith("text/") && !/(?:json|xml|html|javascript)/.test(contentType);
}
