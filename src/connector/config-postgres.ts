import type { Place, PostgresDestination } from "./config.ts";
import { readEmbedding } from "./config-embedding.ts";
import { readLimits } from "./config-limits.ts";
import { isPlainHost, readReach } from "./config-reach.ts";
import { readSecret } from "./config-secret.ts";
import { readTls } from "./config-tls.ts";
import { publicTls } from "./tls.ts";
import { readStatements } from "./config-statements.ts";
import type { Reader } from "./reader.ts";

const LOCAL = new Set(["127.0.0.1", "::1", "localhost"]);
/** Enough for thousands of short statements a second, and far below what a server accepts. */
const DEFAULT_CONNECTIONS = 4;
const IDENTIFIER = /^[^\0]{1,63}$/;

export function readPostgres(reader: Reader, place: Place): PostgresDestination | null {
  const members = reader.members([
    "kind",
    "host",
    "port",
    "addresses",
    "tls",
    "database",
    "user",
    "password",
    "role",
    "statements",
    "connections",
    "queue",
    "embedding",
  ]);
  const host = readHost(
    reader.required(members, "host", '"db.internal", or the folder of its Unix socket'),
  );
  const port = members.get("port")?.integer(1, 65_535) ?? 5_432;
  const encrypted = members.get("tls");
  const tls = encrypted?.is("object")
    ? readTls(encrypted, place)
    : encrypted?.boolean() && publicTls;
  const database = reader.required(members, "database", "its name")?.string(IDENTIFIER, "a name");
  const user = reader.required(members, "user", "who to log in as")?.string(IDENTIFIER, "a name");
  const secret = reader.required(members, "password", '{ "env": "BILLING_PASSWORD" }');
  const password = secret === null ? null : readSecret(secret, place, null);
  const role = members.get("role")?.string(IDENTIFIER, "a role's name") ?? null;
  const connections = members.get("connections")?.integer(1, 64) ?? DEFAULT_CONNECTIONS;
  const described = members.get("embedding");
  const embedding = described === undefined ? null : readEmbedding(described, place);
  const statements = readStatements(
    reader.required(
      members,
      "statements",
      '["<sha-256 of a statement>"], { "relations": … } or "any"',
    ),
  );
  if (host && !host.startsWith("/") && !LOCAL.has(host) && !members.has("tls")) {
    const fix = 'say "tls": true; "tls": false sends everything in clear to another machine';
    reader.wrong("missing_key", fix);
  }
  if (!host || !database || !user || password === null || statements === null) return null;
  return {
    kind: "postgres",
    host,
    port,
    tls: tls || false,
    database,
    user,
    password,
    role,
    statements,
    connections,
    reach: readReach(members.get("addresses"), place.resolvers),
    limits: readLimits(members.get("queue"), connections),
    embedding,
  };
}

function readHost(reader: Reader | null): string | null {
  const fix = "a host name, an address, or an absolute folder";
  const host = reader?.string(/^[^\0]+$/, fix) ?? null;
  if (reader === null || host === null || host.startsWith("/") || isPlainHost(host)) return host;
  return reader.wrong("invalid_value", fix);
}
