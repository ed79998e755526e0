import { EVENT_TYPES } from "../../src/core/model/event.ts";
import { APPROVAL_CODES, FAILURES, POLICY_CODES } from "../../src/core/model/outcome.ts";
import { SIGNALS } from "../../src/core/model/signal.ts";

/** Everything that a run of many seeds has to have met at least once. */
export const VOCABULARY: readonly string[] = [
  ...EVENT_TYPES,
  ...POLICY_CODES,
  ...Object.keys(FAILURES),
  ...APPROVAL_CODES,
  /** Calls in flight that another connector took over. */
  "moved",
  ...SIGNALS.map((signal) => `signal: ${signal}`),
];

export class Coverage {
  readonly #counts = new Map<string, number>();

  add(counts: Iterable<readonly [string, number]>): void {
    for (const [name, count] of counts) {
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
    }
  }

  entries(): readonly (readonly [string, number])[] {
    return [...this.#counts];
  }

  get missing(): readonly string[] {
    return VOCABULARY.filter((name) => !this.#counts.has(name));
  }

  /** Two columns, in the order of the vocabulary; what is more comes last. */
  table(): string {
    const others = [...this.#counts.keys()].filter((name) => !VOCABULARY.includes(name)).sort();
    return [...VOCABULARY, ...others]
      .map((name) => `${name.padEnd(34)}${String(this.#counts.get(name) ?? 0).padStart(10)}`)
      .join("\n");
  }
}
