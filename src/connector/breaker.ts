import type { FailureCode } from "../core/model/outcome.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";

const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** Longer than a connection may take: who still waits then waits for an answer. */
const TRY_MS = 6_000;

/**
 * No connection came about. What a request could bring about by itself (a lost connection, a slow or
 * a bad answer) is none of these: one agent must not close a service to all others.
 */
const UNREACHABLE: ReadonlySet<FailureCode> = new Set([
  "connection_refused",
  "connection_timeout",
  "dns_error",
]);
/** Says nothing about the service: nobody asked it, or nobody waited for it. */
const SILENT: ReadonlySet<FailureCode> = new Set([
  "audit_unavailable",
  "busy",
  "deadline_exceeded",
  "destination_not_found",
  "internal_error",
]);

export interface Pause {
  readonly code: FailureCode;
  readonly retryAfterMs: number;
}

/**
 * One destination. After a few failures in a row nobody asks it for a moment; then one request tries,
 * and the others wait for what it finds.
 */
export class Breaker {
  readonly #elapsed: () => number;
  readonly #changed: (open: boolean) => void;
  #failures = 0;
  #pauses = 0;
  #until = 0;
  /** Since when one request tries. */
  #trying: number | null = null;
  #code: FailureCode = "connection_refused";

  constructor(elapsed: () => number, changed: (open: boolean) => void) {
    this.#elapsed = elapsed;
    this.#changed = changed;
  }

  /** Null: go, and tell how it `ended`. */
  pause(): Pause | null {
    if (this.#failures < FAILURES_TO_OPEN) return null;
    const left = this.#until - this.#elapsed();
    if (left > 0) return { code: this.#code, retryAfterMs: Math.ceil(left) };
    if (this.#trying !== null && this.#elapsed() - this.#trying < TRY_MS) {
      return { code: this.#code, retryAfterMs: FIRST_PAUSE_MS };
    }
    this.#trying = this.#elapsed();
    return null;
  }

  ended(answer: ConnectorAnswer): void {
    this.#trying = null;
    if (!answer.ok && SILENT.has(answer.code)) return;
    if (answer.ok || !UNREACHABLE.has(answer.code)) {
      if (this.#pauses > 0) this.#changed(false);
      this.#failures = 0;
      this.#pauses = 0;
      return;
    }
    this.#code = answer.code;
    this.#failures++;
    // Those that were under way when it opened tell nothing new.
    if (this.#failures < FAILURES_TO_OPEN || this.#until > this.#elapsed()) return;
    this.#until = this.#elapsed() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#pauses);
    if (this.#pauses++ === 0) this.#changed(true);
  }
}
