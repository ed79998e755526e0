import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { TIERS, type Tier } from "../core/model/policy.ts";
import { isObject, parseStrict, type JsonObject } from "../core/model/json.ts";
import { readEd25519, type Ed25519Jwk } from "../tunnel/keys.ts";

/** What enrolment gave this connector, and the keys of its gateway as they are now. */
export interface ConnectorState {
  readonly connector: string;
  readonly tenant: string;
  readonly network: string;
  readonly tier: Tier;
  /** Call tokens: `iss` and `aud`. */
  readonly issuer: string;
  readonly audience: string;
  /** The gateway's call-token keys that are believed. */
  readonly keys: readonly Ed25519Jwk[];
}

export interface PrivateJwk extends Ed25519Jwk {
  readonly d: string;
}

const STATE = "state.json";
const KEY = "key.json";
/** Of a rotation that is under way. */
const NEXT_KEY = "key.next.json";
const LOCK = "lock.db";

export async function makeStateDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
}

/** Where a server of MCP that this connector spawns works: its own, and nobody else's. */
export function mcpFolder(dir: string, destination: string): string {
  return join(dir, "mcp", destination);
}

/** Null: another process uses this folder. The lock goes with the process, also on `kill -9`. */
export function lockStateDir(dir: string): { release(): void } | null {
  const db = new DatabaseSync(join(dir, LOCK));
  try {
    db.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch {
    db.close();
    return null;
  }
  return { release: () => db.close() };
}

export function generateKey(): PrivateJwk {
  const jwk = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  const { kty = "", crv = "", x = "", d = "" } = jwk;
  const key = readPrivateKey({ kty, crv, x, d });
  if (key === null) throw new TypeError("the runtime made a key of another form");
  return key;
}

export async function writeState(
  dir: string,
  key: PrivateJwk,
  state: ConnectorState,
): Promise<void> {
  await writeDurable(dir, KEY, JSON.stringify(key));
  await writeGateway(dir, state);
}

export async function readNextKey(dir: string): Promise<PrivateJwk | null> {
  return readPrivateKey(await readObject(join(dir, NEXT_KEY)));
}

/** On disk before the gateway hears of it: what it records must never be lost. */
export async function writeNextKey(dir: string, key: PrivateJwk): Promise<void> {
  await writeDurable(dir, NEXT_KEY, JSON.stringify(key));
}

/** The one of before is gone with it. */
export async function promoteNextKey(dir: string): Promise<void> {
  await rename(join(dir, NEXT_KEY), join(dir, KEY));
  await syncFolder(dir);
}

/** What is known of the gateway has changed. */
export async function writeGateway(dir: string, state: ConnectorState): Promise<void> {
  await writeDurable(dir, STATE, `${JSON.stringify(state, null, 2)}\n`);
}

/** Null: not enrolled here, or what lies here does not read. */
export async function readState(
  dir: string,
): Promise<{ readonly key: PrivateJwk; readonly state: ConnectorState } | null> {
  const key = readPrivateKey(await readObject(join(dir, KEY)));
  const state = toState(await readObject(join(dir, STATE)));
  return key === null || state === null ? null : { key, state };
}

function readPrivateKey(value: JsonObject | null): PrivateJwk | null {
  const jwk = readEd25519(value);
  const d = value?.["d"];
  return jwk === null || typeof d !== "string" ? null : { ...jwk, d };
}

function toState(value: JsonObject | null): ConnectorState | null {
  if (value === null) return null;
  const { connector, tenant, network, issuer, audience } = value;
  const tier = TIERS.find((one) => one === value["tier"]);
  const keys = Array.isArray(value["keys"]) ? value["keys"].map(readEd25519) : [];
  if (
    typeof connector !== "string" ||
    typeof tenant !== "string" ||
    typeof network !== "string" ||
    typeof issuer !== "string" ||
    typeof audience !== "string" ||
    tier === undefined ||
    keys.length === 0
  ) {
    return null;
  }
  const pinned = keys.filter((one) => one !== null);
  if (pinned.length !== keys.length) return null;
  return { connector, tenant, network, tier, issuer, audience, keys: pinned };
}

async function readObject(path: string): Promise<JsonObject | null> {
  try {
    const parsed = parseStrict(await readFile(path, "utf8"));
    return parsed.ok && isObject(parsed.value) ? parsed.value : null;
  } catch {
    return null;
  }
}

/** Whole or not at all, readable by nobody else from its first byte. */
async function writeDurable(dir: string, name: string, text: string): Promise<void> {
  const temporary = join(dir, `${name}.new`);
  const file = await open(temporary, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(dir, name));
  // Or a power failure brings back the file of before, with a key that was locked since.
  await syncFolder(dir);
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
