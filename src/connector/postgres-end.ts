import type { TransactionEnd } from "./executor.ts";
import type { PostgresClient, Rows } from "./postgres-client.ts";
import { sqlFailure } from "./postgres-failure.ts";
import type { PostgresPool } from "./postgres-pool.ts";

/** One word. */
const CAP_BYTES = 1_024;
const STATEMENT_TIMEOUT_MS = 1_000;
/** PostgreSQL manual, "Transaction ID and Snapshot Information Functions"; null: too long ago. */
const STATUS = "select pg_catalog.pg_xact_status($1::pg_catalog.xid8) as status";

/** How the transaction of that number ended, as its own database says. Never rejects. */
export async function endOf(
  pool: PostgresPool,
  xid: string,
  signal: AbortSignal,
): Promise<TransactionEnd> {
  const lent = await pool.take(signal).catch(() => null);
  if (lent === null) return "started";
  const { promise, resolve } = Promise.withResolvers<null>();
  const onAbort = (): void => resolve(null);
  signal.addEventListener("abort", onAbort, { once: true });
  const end = await Promise.race([status(lent.client, xid), promise]);
  signal.removeEventListener("abort", onAbort);
  pool.give(lent, end !== null);
  // A kept connection may have been closed meanwhile; a new one has not.
  if (end === null && lent.reused && !signal.aborted) return endOf(pool, xid, signal);
  return end ?? "started";
}

/** Null: the connection is lost. */
async function status(client: PostgresClient, xid: string): Promise<TransactionEnd | null> {
  try {
    await client.begin({
      mode: "read",
      isolation: null,
      settings: [
        ["statement_timeout", String(STATEMENT_TIMEOUT_MS)],
        ["role", "none"],
      ],
      cap: CAP_BYTES,
      numbered: false,
    });
    const end = await asked(client, xid);
    await client.rollback();
    return end;
  } catch {
    return null;
  }
}

async function asked(client: PostgresClient, xid: string): Promise<TransactionEnd> {
  let said: unknown = null;
  try {
    const take = ({ rows }: Rows): "more" => {
      said = rows[0]?.[0];
      return "more";
    };
    await client.query(STATUS, [xid], true, take, 1);
  } catch (error) {
    const failure = sqlFailure(error);
    if (failure === null || failure.fatal) throw error;
    // 22023, a number that was not given yet: not the database that gave it.
    return failure.code === "upstream_rejected" ? "unknown" : "started";
  }
  if (said === "committed" || said === "aborted") return said;
  return said === "in progress" ? "started" : "unknown";
}
