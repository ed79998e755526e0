import type { FailureCode } from "../core/model/outcome.ts";
import type { Operation, PreviewSeal } from "../core/model/operation.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";

/** One verified, allowed request on its way to a private service. */
export interface Execution {
  readonly operation: Operation;
  readonly body: string | null;
  readonly contentType: string | null;
  readonly idempotencyKey: string | null;
  /** `preview` never has an effect: what is written is rolled back. */
  readonly mode: "preview" | "execute";
  /** What was approved; another change than this one is not made. */
  readonly preview: PreviewSeal | null;
  /** Goes along to a service that wants to verify it, too. */
  readonly token: string;
  readonly principals: Principals;
  /** As its token says. */
  readonly tool: string;
  /** Largest answer body, bytes. */
  readonly cap: number;
  /** Milliseconds this request has left, now: what it waited for before it came here is gone. */
  readonly remainingMs: () => number;
  /** Deadline, cut, or the end of the session: answer at once, say what is known. */
  readonly signal: AbortSignal;
  /**
   * Asked once, before anything takes effect: true when the journal holds this call on disk, with the
   * transaction that will decide its end. False: nothing may take effect.
   */
  readonly journal: (xid: string | null) => Promise<boolean>;
}

export interface Principals {
  readonly human: string;
  readonly agent: string;
  readonly workflow: string;
}

export interface Executor {
  /** Answers in every case. */
  execute(execution: Execution): Promise<ConnectorAnswer>;
  /** How a transaction ended that this service's database numbered so. Answers soon after `signal`. */
  endOf?(xid: string, signal: AbortSignal): Promise<TransactionEnd>;
  close(): Promise<void>;
}

/** `started`: it has not ended, or nobody could be asked. `unknown`: the database has forgotten. */
export type TransactionEnd = "committed" | "aborted" | "started" | "unknown";

export type Failure = Extract<ConnectorAnswer, { readonly ok: false }>;

export function failure(code: FailureCode, effect: "none" | "possible", status?: number): Failure {
  return status === undefined ? { ok: false, code, effect } : { ok: false, code, effect, status };
}

/** Answer bodies under construction, over all requests: many large answers at once share this. */
const MAX_HELD_BYTES = 256 * 1_024 * 1_024;

export class HeldBytes {
  readonly #limit: number;
  readonly #parent: HeldBytes | null;
  #held = 0;

  constructor(limit = MAX_HELD_BYTES, parent: HeldBytes | null = null) {
    this.#limit = limit;
    this.#parent = parent;
  }

  /** For one destination: half of it, so that one cannot have all. */
  share(): HeldBytes {
    return new HeldBytes(this.#limit / 2, this);
  }

  /** False: no room; the answer is given up. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#limit) return false;
    if (this.#parent?.take(bytes) === false) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
    this.#parent?.give(bytes);
  }
}
