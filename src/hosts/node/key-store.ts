import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KeyPurpose } from "../../core/model/signing-key.ts";
import type { PrivateJwk } from "../../identity/keys.ts";
import type { Ring } from "../../identity/key-ring.ts";
import type { Voucher } from "../../tunnel/vouch.ts";
import { writeSecret } from "./wrapping.ts";
import { KeyUnusable, type Wrapping } from "./wrapping-key.ts";

/** A key's own half goes when it stops signing: what is not there cannot be stolen. */
export type KeyMaterial = Pick<PrivateJwk, "x"> & Partial<Pick<PrivateJwk, "d">>;

/** One ring as it is kept: whole in one file, so that no two parts of it can disagree. */
export interface KeptRing {
  readonly ring: Ring;
  readonly material: { readonly [kid: string]: KeyMaterial };
  readonly vouchers: readonly Voucher[];
}

/** Where rings are kept, whole and unreadable without the wrapping key. */
export interface RingStore {
  /** A secret of the tenant that is made once and stays. */
  secret(tenant: string, name: string, make: () => Buffer): Buffer;
  /** Null: there is none yet. Throws KeyUnusable where it cannot be read. */
  load(tenant: string, purpose: KeyPurpose): KeptRing | null;
  /** Durable when it returns; throws where it could not be written. */
  save(tenant: string, purpose: KeyPurpose, kept: KeptRing): void;
}

const FORMAT = 1;

/** `keys/<tenant>/<purpose>.key`, wrapped, 0600. */
export class KeyStore implements RingStore {
  readonly #folder: string;
  readonly #wrapping: Wrapping;

  constructor(folder: string, wrapping: Wrapping) {
    this.#folder = folder;
    this.#wrapping = wrapping;
  }

  secret(tenant: string, name: string, make: () => Buffer): Buffer {
    return this.#read(tenant, name) ?? this.#write(tenant, name, make());
  }

  load(tenant: string, purpose: KeyPurpose): KeptRing | null {
    const text = this.#read(tenant, purpose)?.toString("utf8");
    if (text === undefined) return null;
    const { format, ...kept } = JSON.parse(text) as KeptRing & { readonly format?: number };
    if (format !== FORMAT) {
      throw new KeyUnusable(
        `${this.#file(tenant, purpose)} was written by another version of Postern: use that one`,
      );
    }
    return kept;
  }

  save(tenant: string, purpose: KeyPurpose, kept: KeptRing): void {
    this.#write(tenant, purpose, Buffer.from(JSON.stringify({ format: FORMAT, ...kept })));
  }

  #read(tenant: string, name: string): Buffer | null {
    const file = this.#file(tenant, name);
    if (!existsSync(file)) return null;
    return this.#wrapping.unwrap(
      placeOf(tenant, name),
      Buffer.from(readFileSync(file, "utf8"), "base64"),
    );
  }

  #write(tenant: string, name: string, secret: Buffer): Buffer {
    const wrapped = this.#wrapping.wrap(placeOf(tenant, name), secret);
    writeSecret(this.#file(tenant, name), wrapped.toString("base64"));
    return secret;
  }

  #file(tenant: string, name: string): string {
    return join(this.#folder, `${placeOf(tenant, name)}.key`);
  }
}

function placeOf(tenant: string, name: string): string {
  return `keys/${tenant}/${name}`;
}
