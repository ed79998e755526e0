import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeSecret, type Wrapping } from "./wrapping.ts";

/** A tenant's own secrets, one file each, wrapped (design section 5). */
export interface TenantKeys {
  /** Signs workflow credentials. Ed25519, private JWK. */
  readonly credential: JsonWebKey;
  /** Signs call tokens and proves the gateway to connectors. Ed25519, private JWK. */
  readonly call: JsonWebKey;
  /** Keys the pseudonyms of humans. */
  readonly pseudonym: Buffer;
}

export function loadTenantKeys(folder: string, tenant: string, wrapping: Wrapping): TenantKeys {
  const load = (purpose: string, make: () => Buffer): Buffer => {
    const place = `keys/${tenant}/${purpose}`;
    const file = join(folder, `${place}.key`);
    if (!existsSync(file)) writeSecret(file, wrapping.wrap(place, make()).toString("base64"));
    return wrapping.unwrap(place, Buffer.from(readFileSync(file, "utf8"), "base64"));
  };
  const signing = (purpose: string): JsonWebKey =>
    JSON.parse(load(purpose, newSigningKey).toString("utf8")) as JsonWebKey;
  return {
    credential: signing("credential"),
    call: signing("call-token"),
    pseudonym: load("pseudonym", () => randomBytes(32)),
  };
}

function newSigningKey(): Buffer {
  const { privateKey } = generateKeyPairSync("ed25519");
  return Buffer.from(JSON.stringify(privateKey.export({ format: "jwk" })));
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
