import { answerBytes } from "./answer.ts";
import { MAX_IN_FLIGHT, MAX_UNASKED_BYTES } from "./protocol.ts";

/** More than a connector can be behind with: it answers what is cut at once. */
const MAX_OVERDUE = 8 * MAX_IN_FLIGHT;

/** Answers that a connector owes: those somebody waits for, and those that were given up and may still come. */
export class Owed {
  /** Given up, by id, with the cap of each. */
  readonly #overdue = new Map<string, number>();
  #bytes = 0;

  /** What it may say at one time. */
  get room(): number {
    return MAX_UNASKED_BYTES + this.#bytes;
  }

  asked(cap: number): void {
    this.#bytes += answerBytes(cap);
  }

  answered(cap: number): void {
    this.#bytes -= answerBytes(cap);
  }

  /** Its answer may still come, once. */
  givenUp(id: string, cap: number): void {
    this.#overdue.set(id, cap);
    const [oldest] = this.#overdue.keys();
    if (this.#overdue.size > MAX_OVERDUE && oldest !== undefined) this.late(oldest);
  }

  /** Whether this one was given up; it is owed no more. */
  late(id: string): boolean {
    const cap = this.#overdue.get(id);
    if (cap === undefined) return false;
    this.#overdue.delete(id);
    this.answered(cap);
    return true;
  }
}
