import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  generatePrivateJwk,
  importSigningKey,
  type PrivateJwk,
  type SigningKey,
} from "../../identity/keys.ts";
import { writeSecret, type Wrapping } from "./wrapping.ts";

/** A tenant's own secrets, one file each, wrapped (design section 5). */
export interface TenantKeys {
  /** Signs workflow credentials. */
  readonly credential: SigningKey;
  /** Signs call tokens and proves the gateway to connectors. */
  readonly call: SigningKey;
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
  const signing = (purpose: string): SigningKey => {
    const made = load(purpose, () => Buffer.from(JSON.stringify(generatePrivateJwk())));
    return importSigningKey(JSON.parse(made.toString("utf8")) as PrivateJwk);
  };
  return {
    credential: signing("credential"),
    call: signing("call-token"),
    pseudonym: load("pseudonym", () => randomBytes(32)),
  };
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
