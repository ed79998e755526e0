import type { KeyPurpose } from "../../core/model/signing-key.ts";
import type { KeptRing, RingStore } from "../node/key-store.ts";
import type { Database, Statement } from "../node/sql.ts";
import type { Wrapping } from "../node/wrapping-key.ts";

/** A tenant's rings in its own object, wrapped by a secret that only the Worker has. */
export class ObjectKeyStore implements RingStore {
  readonly #wrapping: Wrapping;
  readonly #get: Statement;
  readonly #put: Statement;

  constructor(db: Database, wrapping: Wrapping) {
    this.#wrapping = wrapping;
    db.prepare(
      "CREATE TABLE IF NOT EXISTS own_key (place TEXT PRIMARY KEY, wrapped BLOB NOT NULL)",
    ).run();
    this.#get = db.prepare("SELECT wrapped FROM own_key WHERE place = ?");
    this.#put = db.prepare(
      "INSERT INTO own_key VALUES (?, ?) ON CONFLICT (place) DO UPDATE SET wrapped = excluded.wrapped",
    );
  }

  secret(tenant: string, name: string, make: () => Buffer): Buffer {
    return this.#read(tenant, name) ?? this.#write(tenant, name, make());
  }

  load(tenant: string, purpose: KeyPurpose): KeptRing | null {
    const text = this.#read(tenant, purpose)?.toString("utf8");
    return text === undefined ? null : (JSON.parse(text) as KeptRing);
  }

  save(tenant: string, purpose: KeyPurpose, kept: KeptRing): void {
    this.#write(tenant, purpose, Buffer.from(JSON.stringify(kept)));
  }

  #read(tenant: string, name: string): Buffer | null {
    const place = placeOf(tenant, name);
    const row = this.#get.get(place) as { wrapped: Uint8Array } | undefined;
    return row === undefined ? null : this.#wrapping.unwrap(place, row.wrapped);
  }

  #write(tenant: string, name: string, secret: Buffer): Buffer {
    const place = placeOf(tenant, name);
    this.#put.run(place, this.#wrapping.wrap(place, secret));
    return secret;
  }
}

function placeOf(tenant: string, name: string): string {
  return `keys/${tenant}/${name}`;
}
