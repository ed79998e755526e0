import { hash, randomBytes } from "node:crypto";
import type { Lock, LockTable } from "../../core/model/lock.ts";
import { KEY_PURPOSES, type KeyPurpose } from "../../core/model/signing-key.ts";
import type { KeyEvent } from "../../core/model/tenant-event.ts";
import { nextChange, KEY_TIMES, type Ring, type RingChange } from "../../identity/key-ring.ts";
import {
  type OwnKey,
  ownKey,
  publicJwks,
  type SigningKey,
  type VerifyKey,
} from "../../identity/keys.ts";
import type { CredentialUse } from "../../identity/credential.ts";
import type { Jwks } from "../../sdk/jwk.ts";
import type { KeyRing } from "../../sdk/key-cache.ts";
import type { KeySource } from "../../sdk/verify.ts";
import type { HandshakePorts } from "../../tunnel/handshake.ts";
import { type Ed25519Jwk, signText } from "../../tunnel/keys.ts";
import type { Clock } from "../../tunnel/socket.ts";
import { jwkOf } from "../../tunnel/vouch.ts";
import type { Debts } from "./debts.ts";
import { eventOf, unrecorded } from "./key-record.ts";
import type { RingStore } from "./key-store.ts";
import { OwnRing, type SigningMaterial } from "./own-ring.ts";
import type { TenantStreams } from "./tenant-stream.ts";

/** How often it is tried again to write a ring that a full disk did not take. */
const SETTLE_AGAIN_MS = 1_000;
/** Rings move on when somebody looks; connectors and the record hear of it after this at the latest. */
const LONGEST_SLEEP_MS = 60_000;

export interface KeyParts {
  readonly store: RingStore;
  readonly streams: TenantStreams;
  readonly debts: Debts;
  readonly clock: Clock;
  /** For the operator's log: thumbprints, no keys. */
  observe(event: { readonly type: string; readonly tenant: string; readonly key: string }): void;
}

export interface PurposeKeys {
  readonly purpose: KeyPurpose;
  readonly ring: Ring;
}

export type RotateAnswer =
  | { readonly ok: true; readonly keys: readonly PurposeKeys[]; readonly recorded: boolean }
  | { readonly ok: false; readonly code: "too_many_keys" | "unavailable" };

interface Owed {
  readonly tried: PromiseWithResolvers<void>;
  durable: boolean;
}

interface Tenant {
  readonly rings: { readonly [purpose in KeyPurpose]: OwnRing };
  /** Keys the pseudonyms of humans. */
  readonly pseudonym: Buffer;
}

/** Every tenant's own keys: what signs, what is believed, and what others are told of it. */
export class NodeKeys implements Disposable, Pick<HandshakePorts, "sign" | "chain"> {
  readonly #parts: KeyParts;
  readonly #tenants: ReadonlyMap<string, Tenant>;
  /** What each tenant's record is owed last. */
  readonly #owed = new Map<string, Owed>();
  #announce: ((tenant: string) => void) | null = null;
  #cancelSleep: () => void = () => undefined;

  /** Throws KeyUnusable. `locks`: null where nobody can say what is locked; nothing is admitted then. */
  constructor(
    tenants: readonly string[],
    locks: (tenant: string) => LockTable | null,
    parts: KeyParts,
  ) {
    this.#parts = parts;
    this.#tenants = new Map(tenants.map((name) => [name, this.#load(name, parts.store)]));
    for (const [name, { rings }] of this.#tenants) {
      const table = locks(name);
      for (const purpose of KEY_PURPOSES) this.#recall(name, purpose, rings[purpose], table);
      // Also what the disk did not take before a crash: what was locked never comes back.
      for (const lock of [...(table?.locks ?? []), ...(table?.revocations ?? [])]) {
        this.revoke(name, lock);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#announce = null;
    this.#cancelSleep();
  }

  /** From now on connectors are told, and time is watched. */
  begin(announce: (tenant: string) => void): void {
    this.#announce = announce;
    this.#sleep();
  }

  get tenants(): readonly string[] {
    return [...this.#tenants.keys()];
  }

  /** Null: no such tenant, or no key of it may sign now. */
  signing(tenant: string, purpose: KeyPurpose): SigningKey | null {
    return this.#tenants.get(tenant)?.rings[purpose].view().signing ?? null;
  }

  /** For a host whose sessions sign by themselves; null: nothing may sign now. */
  signingMaterial(tenant: string, purpose: KeyPurpose): SigningMaterial | null {
    return this.#tenants.get(tenant)?.rings[purpose].material ?? null;
  }

  /** The public halves of those whose signature counts. */
  believed(tenant: string, purpose: KeyPurpose): readonly Ed25519Jwk[] {
    return jwksOf(this.#tenants.get(tenant)?.rings[purpose].view().believed ?? []);
  }

  /** Whose signature on a credential is believed. */
  credentials(tenant: string, use: CredentialUse): KeyRing<VerifyKey> {
    return this.#tenants.get(tenant)!.rings.credential.view()[use];
  }

  /** Whose signature on a call token is believed. */
  callTokens(tenant: string): KeySource {
    const { call } = this.#tenants.get(tenant)!.rings;
    return { ringFor: (kid, now) => call.view().source.ringFor(kid, now) };
  }

  /** What tools verify call tokens with. */
  jwks(tenant: string): Jwks {
    return publicJwks(this.#tenants.get(tenant)!.rings.call.view().published);
  }

  /** Those and all that lead to them: a join code may carry the thumbprint of an older one. */
  enrolmentJwks(tenant: string): Jwks {
    const { call } = this.#tenants.get(tenant)!.rings;
    const older = call.vouchers.map(({ from }) => ownKey(from));
    const keys = [...call.view().published, ...older];
    return publicJwks([...new Map(keys.map((key) => [key.kid, key])).values()]);
  }

  pseudonym(tenant: string): Buffer {
    return this.#tenants.get(tenant)!.pseudonym;
  }

  sign(tenant: string, text: string): { readonly kid: string; readonly signature: string } | null {
    const key = this.signing(tenant, "call");
    return key === null ? null : { kid: key.kid, signature: signText(key.key, text) };
  }

  chain(tenant: string): OwnRing["vouchers"] {
    return this.#tenants.get(tenant)?.rings.call.vouchers ?? [];
  }

  /** What connectors are to believe. */
  announced(tenant: string): readonly Ed25519Jwk[] {
    return jwksOf(this.#tenants.get(tenant)?.rings.call.view().published ?? []);
  }

  list(tenant: string): readonly PurposeKeys[] {
    const { rings } = this.#tenants.get(tenant)!;
    return KEY_PURPOSES.map((purpose) => ({ purpose, ring: rings[purpose].keys }));
  }

  /** One of the gateway's own: not of an agent, not of a connector. */
  owns(tenant: string, kid: string): boolean {
    return this.list(tenant).some(({ ring }) => ring.some((key) => key.kid === kid));
  }

  /**
   * On the disk when it resolves, or it did not happen. `recorded`: false where the record could not
   * take it yet; that is tried again.
   */
  async rotate(
    name: string,
    purposes: readonly KeyPurpose[],
    atOnce: boolean,
  ): Promise<RotateAnswer> {
    const { rings } = this.#tenants.get(name)!;
    for (const purpose of purposes) {
      const rotated = rings[purpose].rotate(atOnce);
      if (rotated === null) return { ok: false, code: "unavailable" };
      if (!rotated) return { ok: false, code: "too_many_keys" };
    }
    const keys = this.list(name).filter(({ purpose }) => purposes.includes(purpose));
    const owed = this.#owed.get(name);
    await owed?.tried.promise;
    return { ok: true, keys, recorded: owed?.durable ?? true };
  }

  /** A lock on one of these keys. Whatever the disk does, nothing under it is believed any more. */
  revoke(name: string, { id, target, value }: Pick<Lock, "id" | "target" | "value">): void {
    const tenant = this.#tenants.get(name);
    if (target !== "key" || tenant === undefined) return;
    for (const purpose of KEY_PURPOSES) tenant.rings[purpose].revoke(value, id);
    this.#sleep();
  }

  #load(name: string, store: RingStore): Tenant {
    const ring = (purpose: KeyPurpose): OwnRing =>
      new OwnRing({
        ...{ tenant: name, purpose, store },
        now: () => this.#parts.clock.now(),
        changed: (changes, lock) => this.#changed(name, purpose, changes, lock),
      });
    return {
      rings: { credential: ring("credential"), call: ring("call") },
      pseudonym: store.secret(name, "pseudonym", () => randomBytes(32)),
    };
  }

  /** What a crash kept from the record. */
  #recall(name: string, purpose: KeyPurpose, ring: OwnRing, table: LockTable | null): void {
    const known = this.#parts.streams.keyEvents(name).filter((one) => one.purpose === purpose);
    const lockOf = (kid: string): string | null =>
      table?.locks.find(({ target, value }) => target === "key" && value === kid)?.id ?? null;
    for (const body of unrecorded(purpose, known, ring.stored, lockOf)) this.#owe(name, body);
  }

  #changed(
    name: string,
    purpose: KeyPurpose,
    changes: readonly RingChange[],
    lock: string | null,
  ): void {
    for (const change of changes) {
      this.#parts.observe({ type: change.type, tenant: name, key: change.kid });
      this.#owe(name, eventOf(purpose, change, lock));
    }
    if (purpose === "call") this.#announce?.(name);
    this.#sleep();
  }

  #owe(tenant: string, body: KeyEvent): void {
    const owed: Owed = { tried: Promise.withResolvers(), durable: false };
    this.#owed.set(tenant, owed);
    this.#parts.debts.owe({
      ...{ tenant, body },
      paid: () => {
        owed.durable = true;
        owed.tried.resolve();
      },
      late: () => owed.tried.resolve(),
    });
  }

  #sleep(): void {
    if (this.#announce === null) return;
    const now = this.#parts.clock.now();
    let ms = LONGEST_SLEEP_MS;
    for (const { purpose, ring } of this.#rings()) {
      if (!ring.settled) ms = Math.min(ms, SETTLE_AGAIN_MS);
      ms = Math.min(ms, nextChange(ring.keys, KEY_TIMES[purpose], now) - now);
    }
    this.#cancelSleep();
    this.#cancelSleep = this.#parts.clock.after(Math.max(1, ms), () => {
      for (const { ring } of this.#rings()) {
        ring.settle();
        ring.view();
      }
      this.#sleep();
    });
  }

  *#rings(): Iterable<{ readonly purpose: KeyPurpose; readonly ring: OwnRing }> {
    for (const { rings } of this.#tenants.values()) {
      for (const purpose of KEY_PURPOSES) yield { purpose, ring: rings[purpose] };
    }
  }
}

function jwksOf(keys: readonly OwnKey[]): readonly Ed25519Jwk[] {
  return keys.flatMap(({ publicJwk }) => ("x" in publicJwk ? [jwkOf(publicJwk.x)] : []));
}

export function sha256(text: string): string {
  return hash("sha256", text);
}
