import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Sql } from "postgres";
import { company } from "./company.ts";

/** Marks a schema as ours to replace; the digest behind it says which edition it holds. */
const MARK = "Postern example data";

/**
 * Fills a database once. A schema `acme` that somebody else made is left alone: whoever points
 * ACME_PG_URL at a real server must not lose data to an example.
 */
export async function seed(sql: Sql): Promise<"seeded" | "present"> {
  const data = company();
  const scripts = ["roles.sql", "schema.sql", "access.sql"].map(script);
  const edition = createHash("sha256")
    .update(JSON.stringify([scripts, data]))
    .digest("hex");
  const [found] = await sql<{ mark: string | null }[]>`
    select obj_description(oid, 'pg_namespace') as mark from pg_namespace where nspname = 'acme'`;
  if (found?.mark === `${MARK} ${edition}`) {
    // What the last demo gave back is due again.
    await sql`update acme.invoices set refunded_cents = 0 where refunded_cents <> 0`;
    return "present";
  }
  if (found !== undefined && !found.mark?.startsWith(MARK)) {
    throw new Error("the database already has a schema named acme that is not the example's");
  }
  await sql.begin(async (transaction) => {
    await transaction.unsafe("drop schema if exists acme cascade");
    const [roles = "", schema = "", access = ""] = scripts;
    await transaction.unsafe(roles).simple();
    await transaction.unsafe(schema).simple();
    for (const [table, rows] of Object.entries(data)) {
      // One statement a table: a round trip a row would take longer than everything else together.
      await transaction.unsafe(
        `insert into acme.${table} select * from jsonb_populate_recordset(null::acme.${table}, $1)`,
        [rows as never],
      );
    }
    await transaction.unsafe(access).simple();
    await transaction.unsafe(`comment on schema acme is '${MARK} ${edition}'`);
  });
  return "seeded";
}

function script(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}
