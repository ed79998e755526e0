import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import postgres from "postgres";

/**
 * A database with two low roles of its own: PGlite, or the server at POSTERN_TEST_PG_URL, which
 * `scripts/with-postgres.sh` starts. Only the server checks roles, passwords and timeouts.
 */
export interface Database extends AsyncDisposable {
  readonly real: boolean;
  readonly schema: string;
  /** A destination as a connector's file has it. */
  destination(
    role: "reader" | "writer",
    statements: readonly string[] | "any" | object,
    connections?: number,
  ): object;
  readonly env: NodeJS.ProcessEnv;
  /** As somebody who may see everything. */
  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

const PORT = 5_432;
/** PGlite serves them one after the other; this only bounds how many may wait. */
const MAX_CONNECTIONS = 50;

export async function startDatabase(tables: (schema: string) => string): Promise<Database> {
  const url = process.env["POSTERN_TEST_PG_URL"];
  const schema = `t${randomBytes(4).toString("hex")}`;
  const password = randomBytes(12).toString("hex");
  const server = url === undefined || url === "" ? await embedded() : remote(url);
  const sql = postgres({ ...server.options, max: 1, onnotice: () => undefined });
  await sql.unsafe(`
    create role ${schema}_reader nologin;
    create role ${schema}_writer nologin;
    create role ${schema}_connector login password '${password}' noinherit;
    grant ${schema}_reader, ${schema}_writer to ${schema}_connector;
    create schema ${schema};
    grant usage on schema ${schema} to ${schema}_reader, ${schema}_writer;
    ${tables(schema)}
    grant select on all tables in schema ${schema} to ${schema}_reader, ${schema}_writer;
    grant insert, update, delete on all tables in schema ${schema} to ${schema}_writer;
    grant usage on all sequences in schema ${schema} to ${schema}_writer;
  `);
  return {
    real: server.real,
    schema,
    env: { TORTURE_PASSWORD: password },
    destination: (role, statements, connections) => ({
      kind: "postgres",
      host: server.host,
      port: server.port,
      database: server.database,
      user: server.real ? `${schema}_connector` : "postgres",
      password: { env: "TORTURE_PASSWORD" },
      role: `${schema}_${role}`,
      statements,
      ...(connections !== undefined && { connections }),
    }),
    query: async (text) => (await sql.unsafe(text)) as unknown as Record<string, unknown>[],
    async [Symbol.asyncDispose]() {
      await sql.unsafe(
        `drop schema ${schema} cascade;
         drop role ${schema}_connector; drop role ${schema}_reader; drop role ${schema}_writer`,
      );
      await sql.end();
      await server.stop();
    },
  };
}

async function embedded() {
  const folder = mkdtempSync(join(tmpdir(), "pg-"));
  const db = await PGlite.create();
  const path = join(folder, `.s.PGSQL.${PORT}`);
  const server = new PGLiteSocketServer({ db, path, maxConnections: MAX_CONNECTIONS });
  await server.start();
  return {
    real: false,
    host: folder,
    port: PORT,
    database: "postgres",
    options: { path, database: "postgres" },
    async stop() {
      await server.stop();
      await db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function remote(url: string) {
  const { hostname, port, pathname, username, password } = new URL(url);
  const database = pathname.slice(1);
  return {
    real: true,
    host: hostname,
    port: Number(port),
    database,
    options: { host: hostname, port: Number(port), database, username, password },
    stop: () => Promise.resolve(),
  };
}
