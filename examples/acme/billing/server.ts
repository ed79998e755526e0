import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import postgres from "postgres";
import { announce, untilStopped } from "../service.ts";
import { seed } from "./seed.ts";

/**
 * Acme's billing database, a process of its own: `node billing/server.ts --socket-dir DIR`.
 *
 * Embedded it is PGlite: real Postgres compiled to WebAssembly, in memory, behind the real wire
 * protocol. It checks no passwords, so the only way in is a Unix socket in a folder that nobody
 * else may enter. With ACME_PG_URL it only fills that server, and stays up to be stopped.
 */
const PORT = 5_432;
/** Connections are served one after the other; this only bounds how many may wait. */
const MAX_CONNECTIONS = 32;

const { values } = parseArgs({ options: { "socket-dir": { type: "string" } } });
const external = process.env["ACME_PG_URL"];

if (external !== undefined) {
  const sql = postgres(external, { max: 1, onnotice: () => undefined });
  const { state, vectors } = await seed(sql);
  await sql.end();
  announce({ state, vectors });
  const idle = setInterval(() => undefined, 60_000);
  untilStopped(async () => clearInterval(idle));
} else {
  const directory = resolve(values["socket-dir"] ?? ".");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const path = join(directory, `.s.PGSQL.${PORT}`);
  // Left behind by a process that was killed; the folder is ours alone.
  rmSync(path, { force: true });
  const db = await PGlite.create({ extensions: { vector } });
  const server = new PGLiteSocketServer({ db, path, maxConnections: MAX_CONNECTIONS });
  await server.start();
  const sql = postgres({ path, max: 1, database: "postgres", onnotice: () => undefined });
  const { state, vectors } = await seed(sql);
  await sql.end();
  announce({ state, vectors, host: directory, port: PORT, database: "postgres", user: "postgres" });
  untilStopped(async () => {
    await server.stop();
    await db.close();
  });
}
