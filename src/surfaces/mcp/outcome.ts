import { type CallToolResult, type ContentBlock, isSpecType } from "@modelcontextprotocol/server";
import type { Json } from "../../core/model/json.ts";
import type {
  ApprovalRequired,
  Outcome,
  OutcomeUnknown,
  PartialResult,
  PolicyDenied,
  Failed,
  ToolResult,
  TruncatedPlace,
} from "../../core/model/outcome.ts";
import { OUTCOME_META_KEY } from "./names.ts";

/**
 * One outcome as an MCP tool result. The outcome object, without the result it came with, always
 * stands in `_meta`; in `structuredContent` only where the tool publishes no output schema, since
 * otherwise a client would have to find that our object breaks the tool's promise.
 */
export function toToolResult(outcome: Outcome, hasOutputSchema: boolean): CallToolResult {
  const contract = contractOf(outcome);
  const base = {
    content: contentOf(outcome),
    _meta: { [OUTCOME_META_KEY]: contract },
    ...(isError(outcome) && { isError: true }),
  };
  if ("result" in outcome && outcome.result.kind === "json") {
    return { ...base, structuredContent: outcome.result.value };
  }
  return hasOutputSchema ? base : { ...base, structuredContent: contract };
}

function isError(outcome: Outcome): boolean {
  return outcome.outcome !== "ok" && outcome.outcome !== "partial_result";
}

/** The result is already in `content`: a second copy would double every answer. */
function contractOf(outcome: Outcome): { [member: string]: unknown } {
  if (!("result" in outcome)) return { ...outcome };
  const { result: _result, ...contract } = outcome;
  return contract;
}

function contentOf(outcome: Outcome): ContentBlock[] {
  switch (outcome.outcome) {
    case "ok":
      return resultContent(outcome.call, outcome.result);
    case "partial_result":
      return [...resultContent(outcome.call, outcome.result), text(partialSentence(outcome))];
    case "human_approval_required":
      return [text(approvalSentence(outcome))];
    case "policy_denied":
      return [text(deniedSentence(outcome))];
    case "failed":
      return [text(failedSentence(outcome))];
    case "outcome_unknown":
      return [text(unknownSentence(outcome))];
  }
}

function resultContent(call: string, result: ToolResult): ContentBlock[] {
  switch (result.kind) {
    case "json":
      return [text(JSON.stringify(result.value))];
    case "text":
      return [text(result.text)];
    case "binary":
      return [binaryBlock(call, result.contentType, result.base64)];
    case "mcp":
      return result.content.map(passedBlock);
  }
}

function binaryBlock(call: string, contentType: string, data: string): ContentBlock {
  const mimeType = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (mimeType.startsWith("image/")) return { type: "image", data, mimeType };
  if (mimeType.startsWith("audio/")) return { type: "audio", data, mimeType };
  return { type: "resource", resource: { uri: `urn:postern:${call}`, mimeType, blob: data } };
}

/**
 * What an upstream calls a content block. One that is none would fail the whole answer after the
 * effect, in place of an outcome: it is shown as the text it is.
 */
function passedBlock(block: Json): ContentBlock {
  return isSpecType.ContentBlock(block) ? block : text(JSON.stringify(block));
}

function text(value: string): ContentBlock {
  return { type: "text", text: value };
}

function approvalSentence({ approval }: ApprovalRequired): string {
  const diff =
    approval.proposedDiff === undefined
      ? ""
      : ` Proposed change: ${JSON.stringify(approval.proposedDiff)}.`;
  return (
    `human_approval_required: ${approval.summary} Open until ${approval.expiresAt}: ` +
    `${approval.url}${diff} Send the identical call again; it waits for the decision.`
  );
}

function deniedSentence({ reason, remedy }: PolicyDenied): string {
  const rules = reason.ruleIds.length === 0 ? "" : ` Rules: ${reason.ruleIds.join(", ")}.`;
  return `policy_denied ${reason.code}: ${reason.message}${rules}${remedy ? ` ${remedy}` : ""}`;
}

function failedSentence({ reason, retryable, retryAfter }: Failed): string {
  const { expected = {} } = reason;
  const places = reason.at?.map((place) => {
    const wanted = Object.hasOwn(expected, place) ? expected[place] : undefined;
    return wanted === undefined ? placeOf(place) : `${placeOf(place)} (${wanted})`;
  });
  const at = places === undefined ? "" : ` At: ${places.join(", ")}.`;
  const why = reason.why === undefined ? "" : ` ${reason.why.code}: ${reason.why.fix}`;
  const status = reason.status === undefined ? "" : ` The service answered ${reason.status}.`;
  const after = retryAfter === undefined ? "" : ` after ${retryAfter} s`;
  const retry = retryable ? ` The same call may be sent again${after}.` : "";
  return `failed ${reason.code}: ${reason.message}${status}${at}${why}${retry}`;
}

/** The empty pointer is the arguments as a whole. */
function placeOf(pointer: string): string {
  return pointer === "" ? "(arguments)" : pointer;
}

function unknownSentence({ reason, reconcile }: OutcomeUnknown): string {
  return (
    `outcome_unknown ${reason.code}: ${reason.message} The effect may have happened. ` +
    `Do not send the call again; ask ${reconcile} later.`
  );
}

function partialSentence({ redactions, dropped, truncation }: PartialResult): string {
  const classes = [...new Set(redactions.map(({ dataClass }) => dataClass))].toSorted();
  const rules = [...new Set(redactions.flatMap(({ ruleIds }) => ruleIds))].toSorted();
  const parts = [
    ...(redactions.length > 0
      ? [`what is ${classes.join(", ")} was withheld and is null (rules: ${rules.join(", ")})`]
      : []),
    ...(dropped > 0 ? [`${dropped} records were left out`] : []),
    ...(truncation?.places.map(placeSentence) ?? []),
  ];
  const named = truncation?.arguments.join(", ") ?? "";
  const rest = truncation === undefined ? "" : ` ${truncation.advice}${named && ` (${named})`}`;
  return `partial_result: ${parts.join("; ")}. Go on with what is here.${rest}`;
}

function placeSentence({ path, unit, kept, of }: TruncatedPlace): string {
  const at = path === "" ? "the result" : path;
  return `${at} was cut after ${kept}${of === undefined ? "" : ` of ${of}`} ${unit}`;
}
