import { renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LockTable } from "../../core/model/lock.ts";
import type { KeyPurpose } from "../../core/model/signing-key.ts";
import type { KeyEvent } from "../../core/model/tenant-event.ts";
import {
  createCredentialContext,
  mintCredential,
  verifyCredential,
  verifyForRenewal,
} from "../../identity/credential.ts";
import { thumbprint } from "../../tunnel/keys.ts";
import { FakeClock } from "../../tunnel/testing.ts";
import { trustedKey } from "../../tunnel/vouch.ts";
import { openDataFolder } from "./database.ts";
import { Debts } from "./debts.ts";
import { Journal } from "./journal.ts";
import { KeyStore } from "./key-store.ts";
import { NodeKeys, sha256 } from "./keys.ts";
import { TenantStreams } from "./tenant-stream.ts";
import { temporaryFolder } from "./testing.ts";
import { loadWrapping } from "./wrapping.ts";
import { KeyUnusable } from "./wrapping-key.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NO_LOCKS: LockTable = { epoch: 0, locks: [], revocations: [] };
const lock = (value: string) => ({ id: "lck_1", target: "key", value }) as const;

/** The keys of a host on one data folder, until its scope ends: then it is as good as dead. */
function hostAt(path: string, clock = new FakeClock(), locks: LockTable | null = NO_LOCKS) {
  const folder = openDataFolder(path);
  const journal = new Journal(folder.db);
  const streams = new TenantStreams(folder.db, journal, sha256, clock.now.bind(clock));
  const debts = new Debts({ streams, journal, clock });
  const wrapping = loadWrapping(path, undefined, {});
  const told: string[] = [];
  const store = new KeyStore(path, wrapping);
  const keys = new NodeKeys(["acme", "globex"], () => locks, {
    ...{ store, streams, debts, clock, observe: () => undefined },
  });
  keys.begin((tenant) => told.push(`${tenant} ${keys.announced(tenant).length}`));
  return {
    ...{ keys, clock, told, journal, store },
    kid: (purpose: KeyPurpose) => keys.signing("acme", purpose)?.kid ?? "none",
    events: (purpose: KeyPurpose): KeyEvent[] => {
      journal.flush();
      return streams.keyEvents("acme").filter((event) => event.purpose === purpose);
    },
    [Symbol.dispose]() {
      keys[Symbol.dispose]();
      debts[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  };
}
type Host = ReturnType<typeof hostAt>;

const types = (events: readonly KeyEvent[]): string[] =>
  events.map(({ type, key }) => `${type} ${key}`);

/** Makes every write of the tenant's rings fail, until it is disposed of. */
function withoutRoom(path: string): Disposable {
  const folder = join(path, "keys", "acme");
  renameSync(folder, `${folder}-away`);
  writeFileSync(folder, "");
  return {
    [Symbol.dispose]() {
      rmSync(folder);
      renameSync(`${folder}-away`, folder);
    },
  };
}

describe("a tenant's own keys", () => {
  it("are made once, kept from others, and on record", () => {
    using folder = temporaryFolder();
    let made: string[];
    {
      using host = hostAt(folder.path);
      made = [host.kid("credential"), host.kid("call")];
      expect(new Set(made).size).toBe(2);
      expect(host.events("call")).toMatchObject([
        { type: "key.rotated", purpose: "call", key: made[1], previous: null },
      ]);
      for (const name of ["credential", "call", "pseudonym"]) {
        const { mode } = statSync(join(folder.path, "keys", "acme", `${name}.key`));
        expect(mode & 0o777).toBe(0o600);
      }
      expect(host.keys.pseudonym("acme")).not.toEqual(host.keys.pseudonym("globex"));
      expect(host.keys.signing("globex", "call")?.kid).not.toBe(made[1]);
      expect(host.keys.signing("nobody", "call")).toBeNull();
    }
    using again = hostAt(folder.path);
    expect([again.kid("credential"), again.kid("call")]).toEqual(made);
    expect(again.events("call")).toHaveLength(1);
  });

  it("are refused where another version wrote them", () => {
    using folder = temporaryFolder();
    {
      using host = hostAt(folder.path);
      const kept = host.store.load("acme", "call")!;
      const other = { ...kept, format: 2 };
      host.store.save("acme", "call", other);
    }
    expect(() => hostAt(folder.path)).toThrow(KeyUnusable);
  });
});

describe("a rotation of the call keys", () => {
  it("publishes, lets sign and retires in time, and tells connectors each time", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const { keys, clock } = host;
    const old = host.kid("call");
    expect(await keys.rotate("acme", ["call"], false)).toMatchObject({ ok: true, recorded: true });
    const next = keys.list("acme")[1]!.ring.at(-1)!.kid;
    const published = (): unknown => keys.jwks("acme").keys.map(({ kid }) => kid);
    expect([host.kid("call"), published()]).toEqual([old, [old, next]]);
    expect(host.told).toEqual(["acme 2"]);

    await clock.pass(10 * MINUTE - 1);
    expect(host.kid("call")).toBe(old);
    await clock.pass(1);
    expect([host.kid("call"), published()]).toEqual([next, [old, next]]);
    expect(host.told).toEqual(["acme 2", "acme 2"]);
    // What does not sign any more cannot be stolen any more.
    expect(host.store.load("acme", "call")?.material[old]).toEqual({ x: expect.any(String) });

    const { ringFor } = keys.callTokens("acme");
    await clock.pass(61_999);
    expect((await ringFor(old, clock.now()))?.byKid.has(old)).toBe(true);
    await clock.pass(1);
    expect((await ringFor(old, clock.now()))?.byKid.has(old)).toBe(false);
    expect(published()).toEqual([next]);
    expect(host.told.at(-1)).toBe("acme 1");
    expect(types(host.events("call"))).toEqual([
      `key.rotated ${old}`,
      `key.published ${next}`,
      `key.rotated ${next}`,
      `key.retired ${old}`,
    ]);
    expect(host.events("call").at(-1)).toMatchObject({ lock: null });
    expect(host.events("credential")).toHaveLength(1);
  });

  it("goes on over a restart, also one that comes after its time", async () => {
    using folder = temporaryFolder();
    const clock = new FakeClock();
    let old: string;
    let next: string;
    {
      using host = hostAt(folder.path, clock);
      old = host.kid("call");
      await host.keys.rotate("acme", ["call"], false);
      next = host.keys.list("acme")[1]!.ring.at(-1)!.kid;
    }
    {
      using host = hostAt(folder.path, clock);
      expect(host.kid("call")).toBe(old);
    }
    await clock.pass(HOUR);
    using host = hostAt(folder.path, clock);
    expect(host.kid("call")).toBe(next);
    expect(host.keys.jwks("acme").keys).toHaveLength(1);
    expect(types(host.events("call")).slice(2)).toEqual([
      `key.rotated ${next}`,
      `key.retired ${old}`,
    ]);
  });

  it("leaves a way from every older key to the one of now, and from no other", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const { keys, clock } = host;
    const [first] = keys.announced("acme");
    for (let n = 0; n < 20; n++) {
      const [known] = keys.announced("acme");
      await keys.rotate("acme", ["call"], true);
      await clock.pass(HOUR);
      expect(trustedKey("acme", [known!], keys.chain("acme"), host.kid("call"))).not.toBeNull();
    }
    // Sixteen rotations are remembered.
    expect(trustedKey("acme", [first!], keys.chain("acme"), host.kid("call"))).toBeNull();
    expect(keys.chain("acme")).toHaveLength(16);
    const names = keys.enrolmentJwks("acme").keys.map(({ kid }) => kid);
    expect(names).toHaveLength(17);
    expect(names).toContain(host.kid("call"));
    const [stranger] = keys.announced("globex");
    expect(trustedKey("acme", [stranger!], keys.chain("acme"), host.kid("call"))).toBeNull();
  });

  it("happens on the disk, or not at all", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const old = host.kid("call");
    {
      using _full = withoutRoom(folder.path);
      expect(await host.keys.rotate("acme", ["call"], true)).toEqual({
        ok: false,
        code: "unavailable",
      });
      expect([host.kid("call"), host.told]).toEqual([old, []]);
    }
    expect(await host.keys.rotate("acme", ["call"], true)).toMatchObject({ ok: true });
    expect(host.kid("call")).not.toBe(old);
    expect(types(host.events("call"))).toHaveLength(2);
  });

  it("asked for again after a crash before the record is one rotation, and gets its place there", async () => {
    using folder = temporaryFolder();
    let next: string;
    {
      using host = hostAt(folder.path);
      host.events("call");
      // Nothing flushes this: the process dies before its turn ends.
      void host.keys.rotate("acme", ["call"], false);
      next = host.keys.list("acme")[1]!.ring.at(-1)!.kid;
      host.journal.close = () => undefined;
    }
    using host = hostAt(folder.path);
    await host.keys.rotate("acme", ["call"], false);
    expect(host.keys.list("acme")[1]!.ring.at(-1)!.kid).toBe(next);
    expect(types(host.events("call")).slice(1)).toEqual([`key.published ${next}`]);
  });

  it("is refused while too many are retiring", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    for (let n = 0; n < 8; n++) {
      expect(await host.keys.rotate("acme", ["call"], true)).toMatchObject({ ok: true });
    }
    expect(await host.keys.rotate("acme", ["call"], true)).toEqual({
      ok: false,
      code: "too_many_keys",
    });
    expect(host.keys.announced("acme")).toHaveLength(9);
  });
});

describe("a rotation of the credential keys", () => {
  const place = { tenant: "acme", issuer: "https://p.example/acme", resource: "r" };
  const grant = {
    ...{ tenant: "acme", workflow: "wf_1", seat: "seat_1", agent: "a", human: "h", jkt: "j" },
    ...{ jti: "1" },
  };

  function credentialsOf({ keys, clock }: Host) {
    const context = createCredentialContext({
      ...place,
      ring: (use) => keys.credentials("acme", use),
    });
    const faultOf = (result: ReturnType<typeof verifyCredential>): string =>
      result.ok ? "ok" : result.fault;
    return {
      mint(): string {
        const key = keys.signing("acme", "credential")!;
        const now = clock.now();
        return mintCredential({ ...grant, now, seatExpiresAt: now + 8 * HOUR }, place, key)!.token;
      },
      use: (token: string) => faultOf(verifyCredential(token, context, clock.now())),
      renew: (token: string) => faultOf(verifyForRenewal(token, context, clock.now())),
    };
  }

  it("keeps what was signed before it good for as long as it lives, and renewable after that", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const { mint, use, renew } = credentialsOf(host);
    const token = mint();
    expect(use(token)).toBe("ok");
    await host.keys.rotate("acme", ["credential"], false);
    await host.clock.pass(15 * MINUTE - 1_000);
    expect([use(token), use(mint()), renew(token)]).toEqual(["ok", "ok", "ok"]);
    await host.clock.pass(1_000);
    expect([use(token), renew(token)]).toEqual(["key_unknown", "ok"]);
    await host.clock.pass(8 * HOUR - 1_000);
    expect(renew(token)).toBe("ok");
    await host.clock.pass(1_000);
    expect(renew(token)).toBe("key_unknown");
  });

  it("does not let what is only good for a renewal in by way of the cache", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const { use, renew } = credentialsOf(host);
    // Whoever has the retired key can date what it signs at will.
    const stolen = host.keys.signing("acme", "credential")!;
    await host.keys.rotate("acme", ["credential"], false);
    await host.clock.pass(HOUR);
    const now = host.clock.now();
    const forged = mintCredential({ ...grant, now, seatExpiresAt: now + HOUR }, place, stolen)!;
    expect(use(forged.token)).toBe("key_unknown");
    expect(renew(forged.token)).toBe("ok");
    expect(use(forged.token)).toBe("key_unknown");
  });

  it("leaves nothing of a locked key, cached or not, for a request or a renewal", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const { mint, use, renew } = credentialsOf(host);
    const [seen, unseen] = [mint(), mint()];
    expect(use(seen)).toBe("ok");
    const locked = host.kid("credential");
    host.keys.revoke("acme", lock(locked));
    for (const token of [seen, unseen]) {
      expect([use(token), renew(token)]).toEqual(["key_unknown", "key_unknown"]);
    }
    expect(host.kid("credential")).not.toBe(locked);
    expect(use(mint())).toBe("ok");
  });
});

describe("a lock on one of these keys", () => {
  it("ends it in the same turn, and another one signs", () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const { keys } = host;
    const locked = host.kid("call");
    const credential = host.kid("credential");
    expect([keys.owns("acme", locked), keys.owns("globex", locked)]).toEqual([true, false]);
    keys.revoke("globex", lock(locked));
    expect(host.kid("call")).toBe(locked);
    keys.revoke("acme", { ...lock(locked), target: "agent" });
    expect(host.kid("call")).toBe(locked);
    keys.revoke("acme", lock(locked));
    const fresh = host.kid("call");
    expect([fresh === locked, fresh === "none"]).toEqual([false, false]);
    expect(keys.owns("acme", locked)).toBe(false);
    expect(keys.announced("acme").map(thumbprint)).toEqual([fresh]);
    expect(host.told).toEqual(["acme 1"]);
    expect(host.kid("credential")).toBe(credential);
    expect(host.events("call").slice(1)).toMatchObject([
      { type: "key.retired", key: locked, lock: "lck_1" },
      { type: "key.rotated", key: fresh, previous: null },
    ]);
  });

  it("promotes the key that was ready, which connectors know already", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const locked = host.kid("call");
    await host.keys.rotate("acme", ["call"], false);
    const next = host.keys.list("acme")[1]!.ring.at(-1)!.kid;
    host.keys.revoke("acme", lock(locked));
    expect(host.kid("call")).toBe(next);
    expect(host.keys.list("acme")[1]!.ring).toHaveLength(1);
  });

  it("takes the word of a locked key for nothing, not even for its successor", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const { keys, clock } = host;
    const known: ReturnType<typeof keys.announced>[number][] = [];
    for (let n = 0; n < 3; n++) {
      known.push(...keys.announced("acme"));
      await keys.rotate("acme", ["call"], true);
      await clock.pass(HOUR);
    }
    const reaches = (): boolean[] =>
      known.map((key) => trustedKey("acme", [key], keys.chain("acme"), host.kid("call")) !== null);
    expect(reaches()).toEqual([true, true, true]);
    // The one in the middle, long gone.
    keys.revoke("acme", lock(thumbprint(known[1]!)));
    expect(reaches()).toEqual([false, false, true]);
    keys.revoke("acme", lock(host.kid("call")));
    expect(reaches()).toEqual([false, false, false]);
  });

  it("holds while nothing can be written: nobody signs, nobody is believed, until a new key is safe", async () => {
    using folder = temporaryFolder();
    using host = hostAt(folder.path);
    const locked = host.kid("call");
    {
      using _full = withoutRoom(folder.path);
      host.keys.revoke("acme", lock(locked));
      expect([host.kid("call"), host.keys.sign("acme", "text")]).toEqual(["none", null]);
      expect(host.keys.announced("acme")).toEqual([]);
      expect(host.told).toEqual(["acme 0"]);
      await host.clock.pass(5_000);
      expect(host.kid("call")).toBe("none");
    }
    await host.clock.pass(1_000);
    expect(host.kid("call")).not.toBe("none");
    expect(host.kid("call")).not.toBe(locked);
    expect(host.told.at(-1)).toBe("acme 1");
  });

  it.each(["locks", "revocations"] as const)(
    "is obeyed at the next start, where a crash came before the ring was written: %s",
    (where) => {
      using folder = temporaryFolder();
      let locked: string;
      {
        using host = hostAt(folder.path);
        locked = host.kid("credential");
        host.events("credential");
      }
      const table = { ...NO_LOCKS, [where]: [{ ...lock(locked), epoch: 2 }] };
      using host = hostAt(folder.path, new FakeClock(), table);
      expect(host.kid("credential")).not.toBe(locked);
      expect(host.events("credential")).toMatchObject([
        { type: "key.rotated", key: locked },
        { type: "key.retired", key: locked, lock: "lck_1" },
        { type: "key.rotated", key: host.kid("credential"), previous: null },
      ]);
    },
  );
});
