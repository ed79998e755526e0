import { describe, expect, it } from "vitest";
import { encode } from "./frames.ts";
import { signText, thumbprint } from "./keys.ts";
import { MAX_HANDSHAKE_FRAME_BYTES } from "./protocol.ts";
import { testKey, type TestKey } from "./testing.ts";
import { jwkOf, MAX_VOUCHERS, trustedKey, type Voucher, voucherText } from "./vouch.ts";

const keys = Array.from({ length: MAX_VOUCHERS + 1 }, testKey);
const chain = keys.slice(1).map((key, at) => vouched(keys[at]!, key));
const last = keys.at(-1)!;

function vouched(by: TestKey, next: TestKey, tenant = "acme"): Voucher {
  const [from, to] = [by.jwk.x, next.jwk.x];
  return { from, to, signature: signText(by.privateKey, voucherText(tenant, from, to)) };
}

function found(known: TestKey, of: readonly Voucher[] = chain, wanted = last): string | null {
  return trustedKey("acme", [jwkOf(known.jwk.x)], of, wanted.jwk.kid)?.x ?? null;
}

describe("a chain of vouchers", () => {
  it("leads from every key in it to the last one, and never back", () => {
    for (const key of keys) expect(found(key)).toBe(last.jwk.x);
    expect(found(last, chain, keys[0])).toBeNull();
  });

  it("leads nobody else anywhere", () => {
    expect(found(testKey())).toBeNull();
    expect(found(keys[0]!, [])).toBeNull();
    expect(found(keys[0]!, chain.toSpliced(3, 1))).toBeNull();
    expect(found(keys[4]!, chain.toSpliced(3, 1))).toBe(last.jwk.x);
  });

  it("counts for its own tenant, under its own signature", () => {
    const [first, second] = [keys[0]!, keys[1]!];
    const foreign = vouched(first, second, "globex");
    const forged = { ...vouched(testKey(), second), from: first.jwk.x };
    const turned = { ...vouched(first, second), to: keys[2]!.jwk.x };
    const broken = { ...vouched(first, second), signature: "A".repeat(86) };
    for (const voucher of [foreign, forged, broken]) {
      expect(found(first, [voucher], second)).toBeNull();
    }
    expect(found(first, [turned], keys[2])).toBeNull();
  });

  it("says this, which peers of other versions see", () => {
    const [from, to] = [keys[0]!.jwk, keys[1]!.jwk];
    expect(voucherText("acme", from.x, to.x)).toBe(
      `postern-key\n1\nacme\n${thumbprint(from)}\n${thumbprint(to)}`,
    );
  });

  it("fits into a challenge at its longest", () => {
    const { kid } = last.jwk;
    const session = "ab".repeat(16);
    const signature = "A".repeat(86);
    const frame = encode({ t: "challenge", v: 65_535, session, kid, signature, chain });
    expect(Buffer.byteLength(frame ?? "")).toBeLessThan(MAX_HANDSHAKE_FRAME_BYTES);
  });
});
