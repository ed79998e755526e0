import { dirname, resolve } from "node:path";
import { TIERS, type Tier } from "../core/model/policy.ts";
import type { Embedding } from "./config-embedding.ts";
import { readHttp } from "./config-http.ts";
import { readMcp } from "./config-mcp.ts";
import { readPostgres } from "./config-postgres.ts";
import { readResolvers } from "./config-reach.ts";
import type { Limits } from "./limits.ts";
import type { Reach } from "./lookup.ts";
import type { PathTemplate } from "./paths.ts";
import type { Readable } from "../sql/sealed.ts";
import type { Writable } from "../sql/writable.ts";
import { Reader, type Mistake } from "./reader.ts";
import type { Secret } from "./secret.ts";
import type { Tls } from "./tls.ts";

/** The connector's own word on what may be reached: no gateway can widen it. */
export interface ConnectorConfig {
  readonly network: string;
  readonly tier: Tier;
  /** Absolute. */
  readonly stateDir: string;
  readonly destinations: ReadonlyMap<string, Destination>;
}

export type Destination = HttpDestination | PostgresDestination | McpDestination;

export interface HttpDestination {
  readonly kind: "http";
  /** Scheme, host and port; everything a request may not choose. */
  readonly origin: string;
  readonly methods: ReadonlySet<string>;
  readonly paths: readonly PathTemplate[];
  /** Lower-case name → secret. */
  readonly headers: ReadonlyMap<string, Secret>;
  /** Headers that a request may set, in lower case; none of `headers` is among them. */
  readonly requestHeaders: ReadonlySet<string>;
  readonly reach: Reach;
  readonly tls: Tls;
  readonly limits: Limits;
}

export interface PostgresDestination {
  readonly kind: "postgres";
  /** Name or address; or an absolute folder that holds the server's Unix socket. */
  readonly host: string;
  readonly port: number;
  /** False: in clear. */
  readonly tls: Tls | false;
  readonly database: string;
  readonly user: string;
  readonly password: Secret;
  readonly role: string | null;
  readonly statements: Statements;
  readonly connections: number;
  readonly reach: Reach;
  readonly limits: Limits;
  /** How texts become vectors here; null: they do not. */
  readonly embedding: Embedding | null;
}

/** SHA-256, hex, of each statement allowed; or any, said explicitly; or queries of what is listed. */
export type Statements = ReadonlySet<string> | "any" | GuardedStatements;

export interface GuardedStatements {
  readonly relations: Readable;
  /** Rows that every group has at least, so that only summaries pass; null: any query does. */
  readonly minGroup: number | null;
  /** What may be written, by `schema.name`. */
  readonly writes: ReadonlyMap<string, ListedWrites>;
}

export interface ListedWrites extends Writable {
  /** Rows that one statement may write. */
  readonly maxRows: number;
}

export interface McpDestination {
  readonly kind: "mcp";
  readonly server: McpServer;
  /** As the server calls them: no other is ever called. */
  readonly tools: ReadonlySet<string>;
  readonly limits: Limits;
}

export type McpServer =
  | {
      readonly url: string;
      /** Lower-case name → secret. */
      readonly headers: ReadonlyMap<string, Secret>;
      readonly reach: Reach;
      readonly tls: Tls;
    }
  | {
      /** Program, absolute, and its arguments: no shell reads them. */
      readonly command: readonly [string, ...string[]];
      /** All that the process finds in its environment. */
      readonly env: ReadonlyMap<string, Secret>;
    };

/** What may stand in for a secret: never the secret itself. */
export type Environment = { readonly [name: string]: string | undefined };

/** What the words of the file are read in: they name variables, files and name servers. */
export interface Place {
  readonly env: Environment;
  readonly folder: string;
  readonly resolvers: readonly string[];
}

export type ConfigResult =
  | { readonly ok: true; readonly config: ConnectorConfig }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

const NAME = /^[a-z][a-z0-9-]{0,63}$/;
const NAME_FIX = "lower-case letters, digits and hyphens, at most 64, beginning with a letter";

/** `path` gives relative folders their place. All mistakes at once. */
export function readConfig(text: string, path: string, env: Environment): ConfigResult {
  const mistakes: Mistake[] = [];
  const root = Reader.parse(text, mistakes);
  const config = root === null ? null : readRoot(root, path, env);
  if (config !== null && mistakes.length === 0) return { ok: true, config };
  return { ok: false, mistakes: mistakes.toSorted((a, b) => a.line - b.line) };
}

function readRoot(root: Reader, path: string, env: Environment): ConnectorConfig | null {
  const members = root.members([
    "$schema",
    "network",
    "tier",
    "stateDir",
    "resolvers",
    "destinations",
  ]);
  const network = root
    .required(members, "network", "the network this connector stands in")
    ?.string(NAME, NAME_FIX);
  const tier = root
    .required(members, "tier", "the one tier it serves, as its join code says")
    ?.oneOf(TIERS);
  const stateDir = root
    .required(members, "stateDir", '"./state", where its key and journal live')
    ?.string(/./, "a folder");
  const folder = dirname(path);
  const place: Place = { env, folder, resolvers: readResolvers(members.get("resolvers")) };
  const listed = root.required(members, "destinations", "what may be reached");
  const destinations = new Map<string, Destination>();
  for (const [name, reader] of listed?.members() ?? []) {
    if (!NAME.test(name)) reader.wrong("invalid_value", `name a destination with ${NAME_FIX}`);
    const destination = readDestination(reader, place);
    if (destination !== null) destinations.set(name, destination);
  }
  if (!network || !tier || !stateDir) return null;
  return { network, tier, stateDir: resolve(folder, stateDir), destinations };
}

const READERS = { http: readHttp, postgres: readPostgres, mcp: readMcp } as const;

function readDestination(reader: Reader, place: Place): Destination | null {
  if (!reader.is("object")) return reader.wrong("wrong_type", "write an object: { … }");
  const kind = reader.kind(["http", "postgres", "mcp"]);
  if (kind === null) return null;
  return READERS[kind](reader, place);
}
