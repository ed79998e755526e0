import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Sql } from "postgres";
import { pages } from "../documents/pages.ts";
import { rowOf } from "../documents/vectors.ts";
import { company } from "./company.ts";

/** Marks a schema as ours to replace; the digest behind it says which edition it holds. */
const MARK = "Postern example data";

export interface Seeded {
  readonly state: "seeded" | "present";
  /** The library is there, too, as vectors. */
  readonly vectors: boolean;
}

/**
 * Fills a database once. A schema `acme` that somebody else made is left alone: whoever points
 * ACME_PG_URL at a real server must not lose data to an example.
 */
export async function seed(sql: Sql): Promise<Seeded> {
  const data = company();
  const scripts = ["roles.sql", "schema.sql", "access.sql", "../documents/vectors.sql"].map(script);
  const vectors = await hasVectors(sql);
  const library = vectors ? pages().map(rowOf) : [];
  const edition = createHash("sha256")
    .update(JSON.stringify([scripts, data, library]))
    .digest("hex");
  const [found] = await sql<{ mark: string | null }[]>`
    select obj_description(oid, 'pg_namespace') as mark from pg_namespace where nspname = 'acme'`;
  if (found?.mark === `${MARK} ${edition}`) {
    // What the last demo gave back is due again.
    await sql`update acme.invoices set refunded_cents = 0 where refunded_cents <> 0`;
    return { state: "present", vectors };
  }
  if (found !== undefined && !found.mark?.startsWith(MARK)) {
    throw new Error("the database already has a schema named acme that is not the example's");
  }
  await sql.begin(async (transaction) => {
    await transaction.unsafe("drop schema if exists acme cascade");
    const [roles = "", schema = "", access = "", index = ""] = scripts;
    const fill = (table: string, rows: readonly object[]): Promise<unknown> =>
      // One statement a table: a round trip a row would take longer than everything else together.
      transaction.unsafe(
        `insert into acme.${table} select * from jsonb_populate_recordset(null::acme.${table}, $1)`,
        [rows as never],
      );
    await transaction.unsafe(roles).simple();
    await transaction.unsafe(schema).simple();
    for (const [table, rows] of Object.entries(data)) await fill(table, rows);
    await transaction.unsafe(access).simple();
    if (vectors) {
      await transaction.unsafe(index).simple();
      await fill("pages", library);
    }
    await transaction.unsafe(`comment on schema acme is '${MARK} ${edition}'`);
  });
  return { state: "seeded", vectors };
}

/** A server of one's own may be without pgvector; then there is no vector search, and all the rest. */
async function hasVectors(sql: Sql): Promise<boolean> {
  const found = await sql`select from pg_available_extensions where name = 'vector'`;
  return found.length > 0;
}

function script(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}
