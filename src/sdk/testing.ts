import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";

/** For tests: tokens that nobody honest would make. */
export interface TestKey {
  readonly alg: "EdDSA" | "ES256" | "RS256";
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: { readonly [member: string]: string };
  readonly privateJwk: { readonly [member: string]: string };
}

export function testKey(alg: TestKey["alg"] = "EdDSA", kid = "key-1"): TestKey {
  const { privateKey, publicKey } = generate(alg);
  return {
    alg,
    kid,
    privateKey,
    jwk: { ...texts(publicKey), kid, alg },
    privateJwk: { ...texts(privateKey), kid },
  };
}

function texts(key: KeyObject): { readonly [member: string]: string } {
  const members = Object.entries(key.export({ format: "jwk" }));
  return Object.fromEntries(members.map(([name, value]) => [name, String(value)]));
}

function generate(alg: TestKey["alg"]): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (alg) {
    case "EdDSA":
      return generateKeyPairSync("ed25519");
    case "ES256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" });
    case "RS256":
      return generateKeyPairSync("rsa", { modulusLength: 2_048 });
  }
}

/** Strings stand as they are, so that a header may hold what JSON.stringify would never write. */
export function forge(header: object | string, claims: object | string, key: TestKey): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signature(input, key).toString("base64url")}`;
}

export function encode(part: object | string): string {
  return Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
}

export function signature(input: string, { alg, privateKey }: TestKey): Buffer {
  const bytes = Buffer.from(input);
  if (alg === "EdDSA") return sign(null, bytes, privateKey);
  return alg === "ES256"
    ? sign("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" })
    : sign("sha256", bytes, privateKey);
}

/** Every string that differs from this one in one character of the token alphabet or a nasty one. */
export function* mutations(token: string, at: number): Generator<string> {
  for (const other of ["A", "b", "-", "_", ".", "=", " ", "0", "\u0000", "é"]) {
    if (token[at] !== other) yield token.slice(0, at) + other + token.slice(at + 1);
  }
  yield token.slice(0, at) + token.slice(at + 1);
  yield token.slice(0, at) + "A" + token.slice(at);
}
