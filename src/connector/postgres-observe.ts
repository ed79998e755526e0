import { observedChange, type Change } from "../core/model/change.ts";
import { canonical, isObject, parseStrict, type Json } from "../core/model/json.ts";
import type { FailureCode } from "../core/model/outcome.ts";
import type { ObserveQuery, PreviewSeal, SqlOperation } from "../core/model/operation.ts";
import { MAX_OBSERVED_BYTES } from "../tunnel/protocol.ts";
import { sha256 } from "./allow.ts";
import { ResultText } from "./postgres-result.ts";
import type { Rows } from "./postgres-client.ts";

/** How a transaction sees what its statement changes. */
export interface Observer {
  /** What is executed. */
  readonly statement: string;
  before(look: Look): Promise<void>;
  /** After the statement, and after whatever it set off. `written`: what it answered. */
  change(look: Look, written: ResultText): Promise<Observed>;
}

/** A query that cannot write, in the same transaction; resolves with its rows as JSON text. */
export type Look = (statement: string, params: readonly Json[], maxRows: number) => Promise<string>;

export interface Observed {
  /** Each `{"rows": […]}`. */
  readonly before: Json;
  readonly after: Json;
  readonly change: Change;
}

/** A state that cannot be observed whole, and why. */
export class Unobservable extends Error {
  override readonly name = "Unobservable";
  readonly code: FailureCode;

  constructor(code: FailureCode) {
    super(code);
    this.code = code;
  }
}

/** Takes the rows of one look. A part of them would hide a part of the change: all or none. */
export async function wholeRows(
  maxRows: number,
  ask: (take: (rows: Rows) => "more" | "enough") => Promise<void>,
): Promise<string> {
  const result = new ResultText(maxRows, MAX_OBSERVED_BYTES);
  await ask(result.add.bind(result));
  if (result.ambiguous) throw new Unobservable("output_invalid");
  if (result.truncated) throw new Unobservable("preview_too_large");
  return result.text();
}

/** A query of the bundle, run before and after. */
export class QueryObserver implements Observer {
  readonly statement: string;
  readonly #observe: ObserveQuery;
  readonly #maxRows: number;
  #before = "";

  constructor({ statement, maxRows }: SqlOperation["sql"], observe: ObserveQuery) {
    this.statement = statement;
    this.#observe = observe;
    this.#maxRows = maxRows;
  }

  async before(look: Look): Promise<void> {
    this.#before = await this.#look(look);
  }

  async change(look: Look): Promise<Observed> {
    const [before, after] = bothStates(this.#before, await this.#look(look));
    return observedChange(before, after, this.#observe.ignore);
  }

  #look(look: Look): Promise<string> {
    return look(this.#observe.statement, this.#observe.params, this.#maxRows);
  }
}

/**
 * Rows travel here as JSON and not as text, so they must be such JSON: one `json` value that is too
 * deep, or names `__proto__`, would otherwise end the session of everybody. Nested as in a frame.
 */
export function bothStates(before: string, after: string): readonly [before: Json, after: Json] {
  const parsed = parseStrict(`{"answer":{"observed":[${before},${after}]}}`);
  const answer = parsed.ok && isObject(parsed.value) ? parsed.value["answer"] : null;
  const both = isObject(answer) ? answer["observed"] : null;
  if (!Array.isArray(both)) throw new Unobservable("output_invalid");
  const [from = null, to = null] = both;
  return [from, to];
}

/** The same change to the last byte: of another one nobody approved anything. */
export function isApproved(seal: PreviewSeal, change: Change): boolean {
  return sha256(canonical(change)) === seal.changes;
}
