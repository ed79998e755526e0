import { MemorySpentStore } from "../sdk/spent.ts";

/**
 * What may be used once across restarts: the host keeps it on disk. `id` is already a SHA-256 in
 * full. False: used before, or it cannot be remembered now; either way the request is refused.
 */
export interface SpentAssertions {
  spend(kind: "human" | "agent", tenant: string, id: string, expiresAt: number): Promise<boolean>;
}

/**
 * Proofs: one a request, so memory only. A restart forgets them; that is safe because a proof that
 * could have been used before it must name a nonce of this process (see dpop.ts).
 */
export class SpentProofs extends MemorySpentStore {}
