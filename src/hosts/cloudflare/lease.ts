import type { LockTable } from "../../core/model/lock.ts";
import type { Presenter } from "../../core/model/command.ts";
import type { Tier } from "../../core/model/policy.ts";
import type { SigningKey } from "../../identity/keys.ts";
import {
  importSigningKey,
  ownKey,
  publicJwks,
  ringOf,
  type VerifyKey,
} from "../../identity/keys.ts";
import type { KeyRing } from "../../sdk/key-cache.ts";
import { fixedKeys, type KeySource } from "../../sdk/keys.ts";
import type { Clock } from "../../tunnel/socket.ts";
import type { CompiledBundle } from "../node/bundles.ts";
import { LEASE_MS, type SessionKeys, type Standing } from "./standing.ts";

/** What a session may act on, for as long as its tenant's object vouches for it. */
export class Lease {
  readonly #clock: Clock;
  #standing: Standing | null = null;
  #until = -Infinity;
  /** What was asked for before is of before. */
  #notBefore = -Infinity;
  #bundle: CompiledBundle | null = null;
  #keys: Keys | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `asked`: monotonic, before the question left; the grantor counts from after it answered. */
  take(asked: number, standing: Standing, bundle: CompiledBundle | null, keys: SessionKeys): void {
    // Two questions may overtake each other: an older answer says nothing new.
    if (asked < this.#notBefore || asked + LEASE_MS < this.#until) return;
    this.#until = asked + LEASE_MS;
    this.#standing = standing;
    this.#bundle = bundle;
    if (this.#keys === null || this.#keys.text !== JSON.stringify(keys)) this.#keys = keysOf(keys);
  }

  /** Nothing may be done under it any more. */
  drop(): void {
    this.#until = -Infinity;
    this.#notBefore = this.#clock.elapsed();
  }

  get holds(): boolean {
    return this.#now !== null;
  }

  get locks(): LockTable | null {
    return this.#now?.locks ?? null;
  }

  /** Decisions of before are settled under the bundle that was active last. */
  get bundle(): CompiledBundle | null {
    return this.#bundle;
  }

  get keys(): Keys | null {
    return this.#now === null ? null : this.#keys;
  }

  choose(network: string, tier: Tier): Presenter | null {
    const there = this.#now?.connectors.find((one) => one.network === network && one.tier === tier);
    return there === undefined ? null : { connector: there.connector, session: there.session };
  }

  session(connector: string): Presenter | null {
    const there = this.#now?.connectors.find((one) => one.connector === connector);
    return there === undefined ? null : { connector, session: there.session };
  }

  get #now(): Standing | null {
    return this.#clock.elapsed() < this.#until ? this.#standing : null;
  }
}

interface Keys {
  readonly text: string;
  /** Null: nothing may sign now. */
  readonly call: SigningKey | null;
  readonly callTokens: KeySource;
  readonly credentials: KeyRing<VerifyKey>;
}

function keysOf(keys: SessionKeys): Keys {
  const { call, callTokens, credentials } = keys;
  return {
    text: JSON.stringify(keys),
    call: call && importSigningKey({ kty: "OKP", crv: "Ed25519", ...call }),
    callTokens: fixedKeys(publicJwks(callTokens.map(ownKey))),
    credentials: ringOf(credentials.map(ownKey)),
  };
}
