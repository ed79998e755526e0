import { isObject, type Json, parseStrict } from "../core/model/json.ts";
import type { Truncation } from "../core/model/outcome.ts";
import type { RedactionPlan } from "../core/model/policy.ts";
import type { Finished, RawAnswer } from "../gateway/ports.ts";
import type { OutputDescription } from "../policy/bundle/model.ts";
import type { OutputTree } from "./classify.ts";
import { decodeText, encodeBase64, mediaType, sizeOf } from "./body.ts";
import { compileCanaryCount } from "./canaries.ts";
import { isKept } from "./cut-short.ts";
import { fit, type Fitted, type ResultLimits, truncationOf } from "./fit.ts";
import { readContent } from "./mcp-content.ts";
import { compileRedactor } from "./redact.ts";
import { compileStandings, disclosed } from "./standing.ts";

/** `named`: classes that the call itself names, see `Shaped` of core; null: nobody knows which. */
export type Finisher = (
  answer: RawAnswer,
  plan: RedactionPlan,
  named?: readonly string[] | null,
) => Finished;

type Refused = Extract<Finished, { ok: false }>;
type Delivered = Pick<
  Extract<Finished, { ok: true }>,
  "result" | "redactions" | "counts" | "dropped" | "undeclared" | "canaries"
>;

const INVALID = { ok: false, code: "output_invalid" } as const satisfies Refused;
const TOO_LARGE = { ok: false, code: "response_too_large" } as const satisfies Refused;
/** Admission denies a call of which nothing may be disclosed; what gets here all the same is ours. */
const NOTHING_DISCLOSED = { ok: false, code: "internal_error" } as const satisfies Refused;

/** From what a service answered to what an agent may see; whatever does not fit is not shown. */
export function compileFinisher(
  output: OutputDescription,
  tree: OutputTree | null,
  limits: ResultLimits,
  isMcp = false,
): Finisher {
  const wrap = output.kind === "json" ? output.wrap : undefined;
  const take = isMcp ? structuredContent : (body: Json) => (wrap ? { [wrap]: body } : body);
  const read = tree === null ? compileOpaque(output) : compileJson(tree, take);
  return (answer, plan, named = []) => {
    // Rows of a query cannot be classified any more: what they may hold was decided before.
    if (named === null || !named.every((one) => disclosed(plan, one))) return NOTHING_DISCLOSED;
    const refused = refusedStatus(answer.status);
    if (refused !== null) return refused;
    const bytes = sizeOf(answer);
    // The connector stops there; a connector that does not is not believed.
    if (bytes > limits.maxAnswerBytes) return TOO_LARGE;
    const delivered = read(answer, plan);
    if ("ok" in delivered) return delivered;
    const fitted = isSmall(bytes, delivered, limits)
      ? { result: delivered.result, bytes, truncation: null }
      : fit(tree?.root ?? null, delivered.result, bytes, limits);
    if (fitted === null) return TOO_LARGE;
    const truncation = answer.truncated ? ofRows(fitted, limits) : fitted.truncation;
    if (truncation === undefined) return INVALID;
    const places = truncation?.places ?? [];
    const redactions = delivered.redactions.filter(({ path }) => isKept(places, path));
    return { ok: true, ...delivered, ...fitted, redactions, truncation };
  };
}

/** JSON as it came and as we write it differ by less; what is withheld becomes `null`, and may grow. */
const MAX_GROWTH = 8;

/** Spares what is far below its cap from being measured. */
function isSmall(bytes: number, { counts }: Delivered, { maxResultBytes }: ResultLimits): boolean {
  return counts.length === 0 && bytes * MAX_GROWTH <= maxResultBytes;
}

/** A connector stops reading rows and nothing else. Undefined: these are none. */
function ofRows({ result, truncation }: Fitted, limits: ResultLimits): Truncation | undefined {
  const rows = result.kind === "json" && isObject(result.value) ? result.value["rows"] : undefined;
  if (!Array.isArray(rows)) return undefined;
  const others = truncation?.places.filter(({ path }) => path !== "/rows") ?? [];
  const place = { path: "/rows", unit: "items", kept: rows.length } as const;
  return truncationOf([place, ...others], limits);
}

export function refusedStatus(status: number): Refused | null {
  if (status >= 200 && status < 300) return null;
  // A redirect is not followed by the gateway: the destination has one host and a listed path.
  const rejected = status >= 300 && status < 500;
  return { ok: false, code: rejected ? "upstream_rejected" : "upstream_error", status };
}

type Reader = (answer: RawAnswer, plan: RedactionPlan) => Delivered | Refused;

/** The text beside it is a copy that nobody classified. */
function structuredContent(body: Json): Json | undefined {
  return isObject(body) ? body["structuredContent"] : undefined;
}

function compileJson(tree: OutputTree, take: (body: Json) => Json | undefined): Reader {
  const redact = compileRedactor(tree, compileStandings(tree));
  const countCanaries = compileCanaryCount(tree);
  return (answer, plan) => {
    if (!tree.classes.some((dataClass) => disclosed(plan, dataClass))) return NOTHING_DISCLOSED;
    const body = parseBody(answer);
    const parsed = body === undefined ? undefined : take(body);
    if (parsed === undefined) return INVALID;
    const redacted = redact(parsed, plan);
    if (!redacted.ok) {
      return redacted.fault === "too_many_places" ? TOO_LARGE : INVALID;
    }
    const { value, redactions, counts, dropped, undeclared } = redacted;
    const result = { kind: "json", value } as const;
    const canaries = countCanaries(parsed);
    return { result, redactions, counts, dropped, undeclared, canaries };
  };
}

/** One class for the whole: shown whole or, by the decision before, not called at all. */
function compileOpaque(output: OutputDescription): Reader {
  if (output.kind === "rows") return readRows;
  if (output.kind === "json") throw new TypeError("a json output has a schema");
  const { kind, dataClass } = output;
  const reader = { text: readText, binary: readBinary, "mcp-content": readMcp }[kind];
  return (answer, plan) => (disclosed(plan, dataClass) ? reader(answer) : NOTHING_DISCLOSED);
}

function readRows(answer: RawAnswer): Delivered | Refused {
  const value = parseBody(answer);
  const rows = isObject(value) && Object.keys(value).length === 1 ? value["rows"] : undefined;
  if (value === undefined || !Array.isArray(rows) || !rows.every(isObject)) return INVALID;
  return { ...WHOLE, result: { kind: "json", value } };
}

const WHOLE = { redactions: [], counts: [], dropped: 0, undeclared: 0, canaries: 0 } as const;

function readText(answer: RawAnswer): Delivered | Refused {
  const text = decodeText(answer);
  const contentType = mediaType(answer.contentType) ?? "text/plain";
  if (text === null || !isText(contentType)) return INVALID;
  return { ...WHOLE, result: { kind: "text", contentType, text } };
}

function isText(contentType: string): boolean {
  return (
    contentType.startsWith("text/") || /^application\/(?:[^/]+\+)?(?:json|xml)$/.test(contentType)
  );
}

function readBinary(answer: RawAnswer): Delivered | Refused {
  const base64 = encodeBase64(answer);
  if (base64 === null) return INVALID;
  const contentType = mediaType(answer.contentType) ?? "application/octet-stream";
  return { ...WHOLE, result: { kind: "binary", contentType, base64 } };
}

function readMcp(answer: RawAnswer): Delivered | Refused {
  const parsed = parseBody(answer);
  const read = parsed === undefined ? null : readContent(parsed);
  if (read === null) return INVALID;
  // The tool's own error: its text was written for nobody's schema, but it is not a result.
  if (read.isError) return { ok: false, code: "upstream_rejected" };
  const { content, undeclared } = read;
  return { ...WHOLE, undeclared, result: { kind: "mcp", content } };
}

/** Undefined: not text, or not JSON as everybody reads it. */
export function parseBody(answer: RawAnswer): Json | undefined {
  const text = decodeText(answer);
  if (text === null) return undefined;
  const parsed = parseStrict(text);
  return parsed.ok ? parsed.value : undefined;
}
