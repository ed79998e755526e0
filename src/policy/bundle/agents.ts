import { createHash, createPublicKey } from "node:crypto";
import { canonical } from "../../core/model/json.ts";
import { MAX_TITLE_CHARS } from "./limits.ts";
import { find, type Located } from "./located.ts";
import type { AgentDescription, AgentKey } from "./model.ts";
import { PLAIN_ID } from "./names.ts";
import {
  dictionary,
  expectType,
  fields,
  list,
  oneOf,
  optional,
  raw,
  required,
  text,
  type Place,
} from "./read.ts";

/** RFC 7518 §6.2.2, §6.3.2, RFC 8037: members that only a private or symmetric key has. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] as const;

const read = fields({
  agents: required(
    dictionary(
      PLAIN_ID,
      fields({ title: required(text(MAX_TITLE_CHARS)), keys: required(list(raw)) }),
    ),
  ),
});

const readKey = fields({
  kid: required(text(128)),
  kty: required(oneOf(["OKP", "EC"])),
  crv: required(oneOf(["Ed25519", "P-256"])),
  x: required(text(64)),
  y: optional(text(64)),
  alg: required(oneOf(["EdDSA", "ES256"])),
  use: optional(oneOf(["sig"])),
});

export interface Agents {
  /** Ids of all, also of those with a mistake. */
  readonly ids: readonly string[];
  readonly descriptions: readonly AgentDescription[];
}

export function readAgents(node: Located, place: Place): Agents {
  const agents = read(node, place)?.agents ?? new Map();
  const owners = new Map<string, string>();
  const descriptions: AgentDescription[] = [];
  for (const [agent, values] of agents) {
    const kids = new Set<string>();
    const keys: AgentKey[] = [];
    for (const keyNode of values?.keys ?? []) {
      const key = agentKey(keyNode, place);
      if (key === undefined) continue;
      checkOwner(agent, key, keyNode, owners, place);
      if (kids.has(key.kid)) {
        place.report.add(
          place.file,
          find(keyNode, "kid")?.offset ?? keyNode.offset,
          "duplicate_value",
          `"${agent}" has two keys with the kid "${key.kid}"`,
          "give each key a kid of its own",
        );
      }
      kids.add(key.kid);
      keys.push(key);
    }
    descriptions.push({ id: agent, title: values?.title ?? "", keys });
  }
  return { ids: [...agents.keys()], descriptions };
}

function agentKey(node: Located, place: Place): AgentKey | undefined {
  if (!expectType(node, "object", place)) return undefined;
  const secret = PRIVATE_MEMBERS.find((member) => node.members.has(member));
  if (secret !== undefined) {
    // The value is not repeated: this text goes to terminals and CI logs.
    place.report.add(
      place.file,
      node.members.get(secret)?.keyOffset ?? node.offset,
      "jwk_private",
      `the member "${secret}" is private key material`,
      "keep only the public members, and replace this key: it has been exposed",
    );
    return undefined;
  }
  const values = readKey(node, place);
  if (!values?.kid || !values.kty || !values.crv || !values.x || !values.alg) return undefined;
  const { kid, kty, crv, x, y, alg } = values;
  const fits =
    alg === "EdDSA" ? kty === "OKP" && crv === "Ed25519" : kty === "EC" && crv === "P-256";
  if (!fits) {
    place.report.add(
      place.file,
      find(node, "alg")?.offset ?? node.offset,
      "jwk_algorithm",
      `alg "${alg}" does not fit kty "${kty}" with crv "${crv}"`,
      "use EdDSA with OKP and Ed25519, or ES256 with EC and P-256",
    );
    return undefined;
  }
  const key: AgentKey = { kid, kty, crv, x, alg, ...(y !== undefined && { y }) };
  if (!isPoint(key)) {
    place.report.add(
      place.file,
      find(node, "x")?.offset ?? node.offset,
      "jwk_malformed",
      "these coordinates are no public key of this curve",
      kty === "OKP"
        ? 'give "x" as 32 bytes in base64url, without "y"'
        : 'give "x" and "y" as 32 bytes each in base64url',
    );
    return undefined;
  }
  return key;
}

/** 32 bytes in base64url have 43 characters; the curve itself is checked by the crypto library. */
function isPoint(key: AgentKey): boolean {
  const coordinate = /^[A-Za-z0-9_-]{43}$/;
  const { kty, crv, x, y } = key;
  if (!coordinate.test(x)) return false;
  if (kty === "OKP" ? y !== undefined : y === undefined || !coordinate.test(y)) return false;
  try {
    createPublicKey({ key: { kty, crv, x, ...(y !== undefined && { y }) }, format: "jwk" });
    return true;
  } catch {
    return false;
  }
}

/** RFC 7638, base64url. */
export function agentKeyThumbprint({ crv, kty, x, y }: AgentKey): string {
  const members = { crv, kty, x, ...(y !== undefined && { y }) };
  return createHash("sha256").update(canonical(members)).digest("base64url");
}

/** No two agents share a key: neither could be told from the other. */
function checkOwner(
  agent: string,
  key: AgentKey,
  node: Located,
  owners: Map<string, string>,
  place: Place,
): void {
  const jkt = agentKeyThumbprint(key);
  const owner = owners.get(jkt);
  if (owner === undefined) {
    owners.set(jkt, agent);
    return;
  }
  place.report.add(
    place.file,
    node.offset,
    "jwk_shared",
    owner === agent ? `"${agent}" lists one key twice` : `"${owner}" has the same key`,
    owner === agent ? "remove one of the two" : "make a key pair for each agent",
  );
}
