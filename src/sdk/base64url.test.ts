import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { anyText } from "../core/model/testing-text.ts";

describe("base64url", () => {
  it("agrees with another implementation on all bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64url");
        expect(encodeBase64url(bytes)).toBe(text);
        expect(decodeBase64url(text)).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  it("knows one spelling for each byte string", () => {
    fc.assert(
      fc.property(anyText(12), (text) => {
        const bytes = decodeBase64url(text);
        if (bytes !== null) expect(encodeBase64url(bytes)).toBe(text);
      }),
    );
  });

  it.each([
    "A",
    "AAAAA",
    "AB",
    "AAB",
    "AA=",
    "AA==",
    "A A",
    "AA\n",
    "A+AA",
    "A/AA",
    "AAé",
    "\u0000AA",
  ])("refuses %j", (text) => {
    expect(decodeBase64url(text)).toBeNull();
  });

  it("refuses stray trailing bits, which lenient decoders drop", () => {
    expect(decodeBase64url("Zg")).toEqual(new Uint8Array([0x66]));
    for (const other of ["Zh", "Zi", "Zv"]) {
      expect(Buffer.from(other, "base64url")).toEqual(Buffer.from("f"));
      expect(decodeBase64url(other)).toBeNull();
    }
  });
});
