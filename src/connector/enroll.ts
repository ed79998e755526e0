import { readFile } from "node:fs/promises";
import { fetch, type Response } from "undici";
import { isObject, parseStrict, type Json } from "../core/model/json.ts";
import { parseJoinCode } from "../tunnel/join-code.ts";
import { type Ed25519Jwk, readEd25519, thumbprint } from "../tunnel/keys.ts";
import { readConfig, type Environment } from "./config.ts";
import { enrolUrl, gatewayAgent, gatewayUrl } from "./dial.ts";
import { Journal } from "./journal.ts";
import type { Mistake } from "./reader.ts";
import { generateKey, lockStateDir, makeStateDir, readState, writeState } from "./state.ts";
import { publicTls, type Tls } from "./tls.ts";

export interface EnrollOptions {
  readonly configPath: string;
  /** `https://gateway.example`; plain http only on this machine. */
  readonly gateway: string;
  /** Whom to believe at the gateway; absent: the public authorities. */
  readonly gatewayTls?: Tls | undefined;
  readonly tenant: string;
  readonly code: string;
  readonly env: Environment;
}

export const ENROLL_FAULTS = [
  "config_unreadable",
  "config_invalid",
  "gateway_url_refused",
  "join_code_malformed",
  "join_code_other_tenant",
  "already_enrolled",
  "state_in_use",
  "gateway_unreachable",
  "enrolment_refused",
  "answer_malformed",
  "gateway_key_mismatch",
] as const;
export type EnrollFault = (typeof ENROLL_FAULTS)[number];

export type EnrollResult =
  | { readonly ok: true; readonly connector: string; readonly stateDir: string }
  | { readonly ok: false; readonly fault: EnrollFault; readonly mistakes: readonly Mistake[] };

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1_024;

/** Makes a key, spends the join code, pins the gateway's key, and writes all of it down. */
export async function enrollConnector(options: EnrollOptions): Promise<EnrollResult> {
  const gateway = gatewayUrl(options.gateway);
  if (gateway === null) return fault("gateway_url_refused");
  const code = parseJoinCode(options.code);
  if (code === null) return fault("join_code_malformed");
  if (code.tenant !== options.tenant) return fault("join_code_other_tenant");
  const text = await readFile(options.configPath, "utf8").catch(() => null);
  if (text === null) return fault("config_unreadable");
  const read = readConfig(text, options.configPath, options.env);
  if (!read.ok) return fault("config_invalid", read.mistakes);
  const { network, tier, stateDir } = read.config;
  await makeStateDir(stateDir);
  const lock = lockStateDir(stateDir);
  if (lock === null) return fault("state_in_use");
  try {
    if ((await readState(stateDir)) !== null) return fault("already_enrolled");
    const key = generateKey();
    const publicKey = { kty: key.kty, crv: key.crv, x: key.x };
    const { code: spent, gatewayTls = publicTls } = options;
    const body = { code: spent, publicKey, network, tier };
    const answer = await post(enrolUrl(gateway, options.tenant), gatewayTls, body);
    if (typeof answer === "string") return fault(answer);
    const enrolled = readAnswer(answer.body);
    if (enrolled === null) return fault("answer_malformed");
    // Only the key the person carried here is believed, whatever else the answer lists.
    const pinned = enrolled.keys.find((one) => thumbprint(one) === code.thumbprint);
    if (pinned === undefined) return fault("gateway_key_mismatch");
    const { connector, issuer, audience } = enrolled;
    const { tenant } = options;
    // A new connector has no past: of every call it may truthfully say `never`.
    await (await Journal.open(stateDir, "")).close();
    await writeState(stateDir, key, {
      connector,
      tenant,
      network,
      tier,
      issuer,
      audience,
      keys: [pinned],
    });
    return { ok: true, connector, stateDir };
  } finally {
    lock.release();
  }
}

function fault(name: EnrollFault, mistakes: readonly Mistake[] = []): EnrollResult {
  return { ok: false, fault: name, mistakes };
}

async function post(
  url: URL,
  tls: Tls,
  body: Json,
): Promise<{ readonly body: Json } | EnrollFault> {
  let status: number;
  let text: string | null;
  const agent = gatewayAgent(tls);
  try {
    const response = await fetch(url, {
      dispatcher: agent,
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body),
      // The code must not be carried on to wherever an answer points.
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = response.status;
    text = await readBounded(response);
  } catch {
    return "gateway_unreachable";
  } finally {
    await agent.destroy();
  }
  if (status !== 200 && status !== 201) return "enrolment_refused";
  const parsed = text === null ? null : parseStrict(text);
  return parsed?.ok === true ? { body: parsed.value } : "answer_malformed";
}

async function readBounded(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readAnswer(body: Json): {
  readonly connector: string;
  readonly issuer: string;
  readonly audience: string;
  readonly keys: readonly Ed25519Jwk[];
} | null {
  if (!isObject(body) || !isObject(body["jwks"])) return null;
  const { connector, issuer, audience } = body;
  const listed = body["jwks"]["keys"];
  if (typeof connector !== "string" || !/^con_[A-Za-z0-9_-]{1,60}$/.test(connector)) return null;
  if (typeof issuer !== "string" || typeof audience !== "string") return null;
  if (!Array.isArray(listed)) return null;
  return {
    connector,
    issuer,
    audience,
    keys: listed.map(readEd25519).filter((one) => one !== null),
  };
}
