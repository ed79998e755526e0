import type { Subject } from "../core/model/command.ts";
import type { SignalCode } from "../core/model/signal.ts";
import type { Caller } from "./credential.ts";

/** What is suspicious about a token that was refused. */
export const SUSPICIONS = [
  "token_replayed",
  "context_mismatch",
  "key_shared",
] as const satisfies readonly SignalCode[];
export type SuspicionCode = (typeof SUSPICIONS)[number];

/**
 * What a refusal shows beyond itself. Only ever on evidence that a stranger cannot make: a credential
 * of ours, or an agent's or a human's signature. Garbage raises nothing and costs no disk.
 */
export interface Suspicion {
  readonly code: SuspicionCode;
  /** Whose good credential was shown; null: no workflow is known. */
  readonly caller: Caller | null;
  /** What the presenter proved by a fresh signature; null: it may hold nothing but copies. */
  readonly proved: Subject | null;
}

export function provedKey(jkt: string): Subject {
  return { target: "key", value: jkt };
}

/** What whoever shows such a token is told: only to them, since only they could make it so. */
export const SUSPICION_MESSAGES: { readonly [code in SuspicionCode]: string } = {
  token_replayed: "This was used before. Make a fresh proof and assertion for every request.",
  context_mismatch:
    "This credential belongs to another key, agent or workflow than it is used for.",
  key_shared: "Another agent uses this key. Make a key pair for each agent.",
};
