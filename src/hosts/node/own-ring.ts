import type { KeyPurpose } from "../../core/model/signing-key.ts";
import {
  advance,
  believed,
  KEY_TIMES,
  type KeyTimes,
  nextChange,
  revoke,
  type Ring,
  type RingChange,
  type RingKey,
  rotate,
  signing,
  type Step,
} from "../../identity/key-ring.ts";
import {
  generatePrivateJwk,
  importSigningKey,
  type OwnKey,
  ownKey,
  ringOf,
  type SigningKey,
  type VerifyKey,
  publicJwks,
} from "../../identity/keys.ts";
import type { KeyRing } from "../../sdk/key-cache.ts";
import { fixedKeys, type KeySource } from "../../sdk/verify.ts";
import { signText } from "../../tunnel/keys.ts";
import { MAX_VOUCHERS, type Voucher, voucherText } from "../../tunnel/vouch.ts";
import type { KeptRing, KeyMaterial, RingStore } from "./key-store.ts";

/** What holds until the ring changes, or time changes it. */
interface View {
  readonly until: number;
  readonly signing: SigningKey | null;
  /** Whose signatures are believed. */
  readonly request: KeyRing<VerifyKey>;
  readonly renewal: KeyRing<VerifyKey>;
  readonly source: KeySource;
  readonly believed: readonly OwnKey[];
  /** All of them, and those that will sign. */
  readonly published: readonly OwnKey[];
}

export type SigningMaterial = Required<KeyMaterial>;

export interface OwnRingParts {
  readonly tenant: string;
  readonly purpose: KeyPurpose;
  readonly store: RingStore;
  now(): number;
  /** Something is different from now on. */
  changed(changes: readonly RingChange[], lock: string | null): void;
}

/**
 * The keys of one tenant and purpose. In memory first where a key must not be believed any more; on
 * the disk first where one is to sign.
 */
export class OwnRing {
  readonly #parts: OwnRingParts;
  readonly #times: KeyTimes;
  #kept: KeptRing;
  /** Keys that are on the disk: no other one signs, or a crash would leave tokens that nobody made. */
  #durable: ReadonlySet<string>;
  #written: KeptRing;
  #view: View | null = null;

  constructor(parts: OwnRingParts) {
    const { tenant, purpose, store } = parts;
    this.#parts = parts;
    this.#times = KEY_TIMES[purpose];
    this.#kept = store.load(tenant, purpose) ?? this.#first();
    this.#written = this.#kept;
    this.#durable = kidsOf(this.#kept);
  }

  get keys(): Ring {
    this.#look();
    return this.#kept.ring;
  }

  /** As it lies there, whatever time has done since. */
  get stored(): Ring {
    return this.#written.ring;
  }

  get vouchers(): readonly Voucher[] {
    return this.#kept.vouchers;
  }

  /** False: what holds in memory is not on the disk yet. */
  get settled(): boolean {
    return this.#written === this.#kept;
  }

  view(): View {
    this.#look();
    return (this.#view ??= this.#makeView());
  }

  /** False: too many are retiring; null: it could not be written, so nothing happened. */
  rotate(atOnce: boolean): boolean | null {
    this.#look();
    const now = this.#parts.now();
    const fresh = newKey();
    const rotated = rotate(this.#kept.ring, this.#times, now, atOnce, () => fresh.kid);
    if (!rotated.ok) return false;
    const { step } = rotated;
    if (step.ring === this.#kept.ring) return true;
    const kept = this.#next(step, fresh);
    if (!this.#write(kept)) return null;
    this.#become(kept, step.changes);
    return true;
  }

  /** Something else signs from now on, as soon as that is on the disk. */
  revoke(kid: string, lock: string): void {
    this.#look();
    if (!this.#kept.ring.some((key) => key.kid === kid)) return this.#forgetVouchers(kid);
    const now = this.#parts.now();
    const revoked = revoke(this.#kept.ring, this.#times, now, kid);
    const fresh = newKey();
    const more =
      signing(revoked.ring) === null
        ? rotate(revoked.ring, this.#times, now, true, () => fresh.kid)
        : null;
    const step: Step = more?.ok
      ? { ring: more.step.ring, changes: [...revoked.changes, ...more.step.changes] }
      : revoked;
    this.#put(this.#next(step, fresh, kid), step.changes, lock);
  }

  /** Tries again to write what could not be written. */
  settle(): void {
    if (!this.settled && this.#write(this.#kept)) this.#become(this.#kept, []);
  }

  #look(): void {
    if (this.#view !== null && this.#parts.now() < this.#view.until) return;
    this.#view = null;
    const step = advance(this.#kept.ring, this.#times, this.#parts.now());
    if (step.changes.length > 0) this.#put(this.#next(step), step.changes);
  }

  /** Holds whether or not it can be written; then that is tried again. */
  #put(kept: KeptRing, changes: readonly RingChange[], lock: string | null = null): void {
    this.#write(kept);
    this.#become(kept, changes, lock);
  }

  #become(kept: KeptRing, changes: readonly RingChange[], lock: string | null = null): void {
    this.#kept = kept;
    this.#view = null;
    this.#parts.changed(changes, lock);
  }

  #write(kept: KeptRing): boolean {
    const { tenant, purpose, store } = this.#parts;
    try {
      store.save(tenant, purpose, kept);
    } catch {
      return false;
    }
    this.#written = kept;
    this.#durable = kidsOf(kept);
    return true;
  }

  #first(): KeptRing {
    const { tenant, purpose, store, now } = this.#parts;
    const fresh = newKey();
    const made = rotate([], this.#times, now(), true, () => fresh.kid);
    if (!made.ok) throw new TypeError("an empty ring is full");
    const kept = {
      ring: made.step.ring,
      material: { [fresh.kid]: fresh.material },
      vouchers: [],
    };
    store.save(tenant, purpose, kept);
    return kept;
  }

  /** `locked` vouches for nobody, and nobody for it. */
  #next({ ring }: Step, fresh?: NewKey, locked?: string): KeptRing {
    const known: { readonly [kid: string]: KeyMaterial } = {
      ...this.#kept.material,
      ...(fresh && { [fresh.kid]: fresh.material }),
    };
    const material = Object.fromEntries(
      ring.map(({ kid, state }) => {
        const { x, d } = known[kid]!;
        return [kid, state === "retiring" || d === undefined ? { x } : { x, d }];
      }),
    );
    const added = fresh !== undefined && fresh.kid in material ? this.#vouch(fresh) : [];
    const vouchers = withoutKey([...this.#kept.vouchers, ...added], locked);
    return { ring, material, vouchers: vouchers.slice(-MAX_VOUCHERS) };
  }

  /** The key that signs now names the new one. */
  #vouch({ material }: NewKey): readonly Voucher[] {
    if (this.#parts.purpose !== "call") return [];
    const by = this.#signing();
    const from = by === null ? undefined : this.#kept.material[by.kid]?.x;
    if (by === null || from === undefined) return [];
    const to = material.x;
    return [{ from, to, signature: signText(by.key, voucherText(this.#parts.tenant, from, to)) }];
  }

  /** A key that is gone can still lead connectors on, until it is locked. */
  #forgetVouchers(kid: string): void {
    const vouchers = withoutKey(this.#kept.vouchers, kid);
    if (vouchers.length < this.#kept.vouchers.length) this.#put({ ...this.#kept, vouchers }, []);
  }

  /** Both halves of what signs now; null: nothing may. */
  get material(): SigningMaterial | null {
    this.#look();
    return this.#material();
  }

  #material(): SigningMaterial | null {
    const active = signing(this.#kept.ring);
    const material = active === null ? undefined : this.#kept.material[active.kid];
    if (active === null || material?.d === undefined || !this.#durable.has(active.kid)) return null;
    return { x: material.x, d: material.d };
  }

  #signing(): SigningKey | null {
    const material = this.#material();
    return material && importSigningKey({ kty: "OKP", crv: "Ed25519", ...material });
  }

  #makeView(): View {
    const now = this.#parts.now();
    const { ring } = this.#kept;
    const own = (keys: readonly RingKey[]): OwnKey[] =>
      keys
        .filter(({ kid }) => this.#durable.has(kid))
        .map(({ kid }) => ownKey(this.#kept.material[kid]!.x));
    const request = own(believed(ring, this.#times, now, "request"));
    const next = own(ring.filter(({ state }) => state === "next"));
    return {
      until: nextChange(ring, this.#times, now),
      signing: this.#signing(),
      request: ringOf(request),
      renewal: ringOf(own(believed(ring, this.#times, now, "renewal"))),
      source: fixedKeys(publicJwks(request)),
      believed: request,
      published: [...request, ...next],
    };
  }
}

interface NewKey {
  readonly kid: string;
  readonly material: KeyMaterial;
}

function newKey(): NewKey {
  const { x, d } = generatePrivateJwk();
  return { kid: ownKey(x).kid, material: { x, d } };
}

function withoutKey(vouchers: readonly Voucher[], kid: string | undefined): readonly Voucher[] {
  if (kid === undefined) return vouchers;
  return vouchers.filter(({ from, to }) => ![from, to].some((x) => ownKey(x).kid === kid));
}

function kidsOf({ ring }: KeptRing): ReadonlySet<string> {
  return new Set(ring.map(({ kid }) => kid));
}
