import { describe, expect, it } from "vitest";
import { type Ed25519Jwk, thumbprint } from "../tunnel/keys.ts";
import { testKey } from "../tunnel/testing.ts";
import { TrustedKeys } from "./trusted-keys.ts";

const [a, b, c] = [testKey(), testKey(), testKey()].map(({ jwk: { kty, crv, x } }) => ({
  ...{ kty, crv, x },
})) as [Ed25519Jwk, Ed25519Jwk, Ed25519Jwk];

function trusting(keys: readonly Ed25519Jwk[]) {
  const kept: (readonly Ed25519Jwk[])[] = [];
  const lines: string[] = [];
  const disk = { full: false };
  const trusted = new TrustedKeys(
    keys,
    (known) => {
      if (disk.full) return Promise.reject(new Error("ENOSPC"));
      kept.push(known);
      return Promise.resolve();
    },
    (_level, event) => lines.push(event),
  );
  const believes = async (key: Ed25519Jwk): Promise<boolean> =>
    (await trusted.ringFor(thumbprint(key), 0))?.byKid.has(thumbprint(key)) ?? false;
  return { trusted, kept, lines, disk, believes };
}

describe("the keys that a connector believes", () => {
  it("are those of before until the gateway says others, and those at once", async () => {
    const { trusted, believes, kept } = trusting([a]);
    expect([...trusted]).toEqual([a]);
    expect([await believes(a), await believes(b)]).toEqual([true, false]);
    trusted.replace([b, c]);
    expect([...trusted]).toEqual([b, c]);
    expect([await believes(a), await believes(b), await believes(c)]).toEqual([false, true, true]);
    await trusted.settled();
    expect(kept).toEqual([[b, c]]);
  });

  it("are written down when they change, in order, and only then", async () => {
    const { trusted, kept } = trusting([a, b]);
    trusted.replace([b, a]);
    trusted.replace([b]);
    trusted.replace([b, c]);
    trusted.replace([c, b]);
    await trusted.settled();
    expect(kept).toEqual([[b], [b, c]]);
  });

  it("are none where the gateway says so, and the next start remembers those of before", async () => {
    const { trusted, believes, kept } = trusting([a]);
    trusted.replace([]);
    await trusted.settled();
    expect([[...trusted], await believes(a), kept]).toEqual([[], false, []]);
    trusted.replace([b]);
    await trusted.settled();
    expect([await believes(b), kept]).toEqual([true, [[b]]]);
  });

  it("are believed although they could not be written down, which is tried with the next word", async () => {
    const { trusted, believes, kept, lines, disk } = trusting([a]);
    disk.full = true;
    trusted.replace([b]);
    await trusted.settled();
    expect([await believes(b), kept, lines]).toEqual([true, [], ["gateway_keys_not_kept"]]);
    disk.full = false;
    trusted.replace([b]);
    await trusted.settled();
    expect([kept, lines.at(-1)]).toEqual([[[b]], "gateway_keys_kept"]);
  });
});
