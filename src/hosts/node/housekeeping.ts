import type { Clock } from "../../tunnel/socket.ts";
import { KEY_KEPT_MS } from "./agent-keys.ts";
import type { Database } from "./sql.ts";

const EVERY_MS = 60_000;
/** Rows of one kind and turn: other writers wait meanwhile. */
const MAX_ROWS = 500;
/** A request for approval can be looked at this long after it ran out. */
const APPROVALS_KEPT_MS = 30 * 24 * 60 * 60 * 1_000;

/**
 * Takes away what has run out: outcomes, observations, the list of live workflows and of
 * requests, the keys that no agent used for long.
 * Housekeeping only, since every expiry is judged when something is read. Sealed inputs are what
 * replay needs; they stay until retention or erasure takes them.
 */
export function sweeper(db: Database): (now: number) => void {
  const sealed = db.prepare(
    `DELETE FROM sealed WHERE rowid IN
     (SELECT rowid FROM sealed WHERE kind <> 'input' AND expires < ? LIMIT ?)`,
  );
  const live = db.prepare(
    `DELETE FROM live WHERE (tenant, workflow) IN
     (SELECT tenant, workflow FROM live WHERE expires < ? LIMIT ?)`,
  );
  const approvals = db.prepare(
    "DELETE FROM approval WHERE id IN (SELECT id FROM approval WHERE expires < ? LIMIT ?)",
  );
  const keys = db.prepare(
    "DELETE FROM agent_key WHERE jkt IN (SELECT jkt FROM agent_key WHERE used < ? LIMIT ?)",
  );
  return (now) => {
    sealed.run(now, MAX_ROWS);
    live.run(now, MAX_ROWS);
    approvals.run(now - APPROVALS_KEPT_MS, MAX_ROWS);
    keys.run(now - KEY_KEPT_MS, MAX_ROWS);
  };
}

export function housekeeping(db: Database, clock: Clock): Disposable {
  const sweep = sweeper(db);
  let cancel = clock.after(EVERY_MS, again);
  function again(): void {
    try {
      sweep(clock.now());
    } catch {
      // A full disk has no room for the journal of a deletion either: a minute later, then.
    }
    cancel = clock.after(EVERY_MS, again);
  }
  return { [Symbol.dispose]: () => cancel() };
}
