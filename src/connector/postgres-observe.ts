import { observedChange, type ObservedChange } from "../core/model/change.ts";
import { canonical, isObject, parseStrict } from "../core/model/json.ts";
import type { FailureCode } from "../core/model/outcome.ts";
import type { PreviewSeal, SqlOperation } from "../core/model/operation.ts";
import { MAX_OBSERVED_BYTES } from "../tunnel/protocol.ts";
import { sha256 } from "./allow.ts";
import type { PostgresClient, Settings } from "./postgres-client.ts";
import { ResultText } from "./postgres-result.ts";

export type Observe = NonNullable<SqlOperation["sql"]["observe"]>;

/** A state that cannot be observed whole, and why. */
export class Unobservable extends Error {
  override readonly name = "Unobservable";
  readonly code: FailureCode;

  constructor(code: FailureCode) {
    super(code);
    this.code = code;
  }
}

/** What the query sees now, as JSON text. A part of it would hide a part of the change: all or none. */
export async function observed(
  client: PostgresClient,
  { statement, params }: Observe,
  maxRows: number,
  prepare: boolean,
  settings: Settings,
): Promise<string> {
  const result = new ResultText(maxRows, MAX_OBSERVED_BYTES);
  const take = result.add.bind(result);
  await client.look(statement, params, prepare, settings, take, maxRows + 1);
  if (result.ambiguous) throw new Unobservable("output_invalid");
  if (result.truncated) throw new Unobservable("preview_too_large");
  return result.text();
}

/**
 * Rows travel here as JSON and not as text, so they must be such JSON: one `json` value that is too
 * deep, or names `__proto__`, would otherwise end the session of everybody. Nested as in a frame.
 */
export function changeBetween(before: string, after: string, { ignore }: Observe): ObservedChange {
  const parsed = parseStrict(`{"answer":{"observed":[${before},${after}]}}`);
  const answer = parsed.ok && isObject(parsed.value) ? parsed.value["answer"] : null;
  const both = isObject(answer) ? answer["observed"] : null;
  if (!Array.isArray(both)) throw new Unobservable("output_invalid");
  const [from = null, to = null] = both;
  return observedChange(from, to, ignore);
}

/** The same change to the last byte: of another one nobody approved anything. */
export function isApproved(seal: PreviewSeal, change: ObservedChange["change"]): boolean {
  return sha256(canonical(change)) === seal.changes;
}
