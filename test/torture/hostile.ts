import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  type webcrypto,
} from "node:crypto";

type JsonWebKey = webcrypto.JsonWebKey;

/**
 * What is wrong with a token whose claims are all right: every way in which its header, its signature
 * or its spelling may lie. Made with `node:crypto` alone, from RFC 7515 and 8725 and from what was
 * found in libraries over the years; nothing here knows how Postern reads a token.
 */

export interface Genuine {
  readonly token: string;
  /** The key that verifies it, as everybody can read it. */
  readonly publicJwk: JsonWebKey;
  /** Null: only the gateway has it. */
  readonly privateKey: KeyObject | null;
}

export interface Forgery {
  readonly name: string;
  readonly token: string;
}

type Header = { readonly [member: string]: unknown };

const b64 = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Somebody with keys of their own, who publishes them where a header could point to. */
export class Attacker {
  readonly #keys: { readonly [alg: string]: KeyObject };
  readonly jwks: object;
  readonly url: string;

  /** `url`: where `jwks` is served, so that a request for it can be counted. */
  constructor(url: string) {
    const [ed, ec, rsa] = [
      generateKeyPairSync("ed25519"),
      generateKeyPairSync("ec", { namedCurve: "P-256" }),
      generateKeyPairSync("rsa", { modulusLength: 2_048 }),
    ];
    this.#keys = { EdDSA: ed.privateKey, ES256: ec.privateKey, RS256: rsa.privateKey };
    this.url = url;
    this.jwks = { keys: Object.keys(this.#keys).map((alg) => ({ ...this.publicJwk(alg), alg })) };
  }

  publicJwk(alg: string): JsonWebKey {
    return createPublicKey(this.#keys[alg]!).export({ format: "jwk" });
  }

  sign(header: Header, claims: string, alg: string): string {
    return signed(header, claims, this.#keys[alg]!);
  }

  /** The same key id as the genuine one, everywhere it could be looked for. */
  forgeries({ token }: Genuine, carriesKey: boolean): Forgery[] {
    const [header, claims] = partsOf(token);
    const alg = String(header["alg"]);
    const own = Object.keys(this.#keys).includes(alg) ? alg : "EdDSA";
    const { kid: _, ...nameless } = header;
    const jwk = this.publicJwk(own);
    const jku = `${this.url}/jwks.json`;
    const x5c = [Buffer.from(JSON.stringify(jwk)).toString("base64")];
    const lies: { readonly [name: string]: Header } = {
      "the same kid": header,
      "no kid": nameless,
      ...(!carriesKey && {
        "its own jwk": { ...header, jwk },
        "its own jwk without kid": { ...nameless, jwk },
      }),
      "its own jku": { ...header, jku },
      "its own x5u": { ...header, x5u: `${this.url}/cert.pem` },
      "its own x5c": { ...header, x5c },
      "a thumbprint of its own": { ...header, "x5t#S256": "x".repeat(43) },
      ...Object.fromEntries(
        [
          ...["../../../../../../dev/null", "/dev/null", "file:///dev/null", `${jku}#0`],
          ...["' UNION SELECT 'key' --", "$(id)", "__proto__", "constructor", "toString", "*"],
          ...["", " ", `${String(header["kid"])}\u0000`, String(header["kid"]).toUpperCase()],
          ...["0", "null", "k".repeat(4_096), null, 0, true, [header["kid"]], { $ne: null }],
        ].map((kid, n) => [`kid ${n} ${JSON.stringify(kid).slice(0, 40)}`, { ...header, kid }]),
      ),
    };
    return [
      ...Object.entries(lies).map(([name, one]) => ({
        name: `signed by somebody else, with ${name}`,
        token: this.sign(one, claims, own),
      })),
      ...Object.keys(this.#keys).map((other) => ({
        name: `signed by somebody else with ${other}, and says so`,
        token: this.sign({ ...header, alg: other }, claims, other),
      })),
      ...Object.keys(this.#keys).map((other) => ({
        name: `signed by somebody else with ${other}, under the genuine algorithm`,
        token: this.sign(header, claims, other),
      })),
    ];
  }
}

/** Nobody signed these, or the public key was taken for a secret. */
export function unsignedForgeries({ token, publicJwk }: Genuine): Forgery[] {
  const [header, claims, signature] = partsOf(token);
  const without = ["none", "None", "NONE", "nOnE", "", " none", null, false, ["none"], undefined];
  const none = without.flatMap((alg) => {
    const input = `${b64({ ...header, alg })}.${claims}`;
    const name = `alg ${JSON.stringify(alg) ?? "absent"}`;
    return [
      { name: `${name}, no signature`, token: `${input}.` },
      { name: `${name}, the old signature`, token: `${input}.${signature}` },
    ];
  });
  const key = createPublicKey({ key: publicJwk, format: "jwk" });
  const pem = String(key.export({ format: "pem", type: "spki" }));
  const secrets: { readonly [name: string]: string | Buffer } = {
    "the JWK": JSON.stringify(publicJwk),
    "the JWK of the header": JSON.stringify(header["jwk"] ?? {}),
    PEM: pem,
    "PEM without its end": pem.trimEnd(),
    DER: key.export({ format: "der", type: "spki" }),
    "its bytes": Buffer.from(String(publicJwk.x ?? publicJwk.n), "base64url"),
    "its text": String(publicJwk.x ?? publicJwk.n),
    "its name": String(header["kid"] ?? "kid"),
    nothing: "",
    "the word null": "null",
  };
  const hmac = Object.entries(secrets).flatMap(([name, secret]) =>
    (["HS256", "HS384", "HS512"] as const).map((alg) => {
      const input = `${b64({ ...header, alg })}.${claims}`;
      const hash = alg.replace("HS", "sha");
      const mac = createHmac(hash, secret).update(input).digest("base64url");
      return { name: `${alg} with ${name} as the secret`, token: `${input}.${mac}` };
    }),
  );
  const algorithms = ["ES256", "EdDSA", "RS256", "PS256", "ES384", "ES256K", "HS256", "Ed448"];
  const renamed = algorithms
    .filter((alg) => alg !== header["alg"])
    .map((alg) => ({
      name: `the old signature under ${alg}`,
      token: `${b64({ ...header, alg })}.${claims}.${signature}`,
    }));
  return [...none, ...hmac, ...renamed];
}

/** The signature was good once. */
export function brokenForgeries({ token }: Genuine): Forgery[] {
  const [header, claims, signature] = partsOf(token);
  const [head = ""] = token.split(".");
  const input = `${head}.${claims}`;
  const bytes = Buffer.from(signature, "base64url");
  const as = (name: string, other: Buffer | string): Forgery => ({
    name,
    token: `${input}.${typeof other === "string" ? other : other.toString("base64url")}`,
  });
  const half = bytes.length / 2;
  const [r, s] = [bytes.subarray(0, half), bytes.subarray(half)];
  const flipped = Array.from({ length: 8 }, (_, n) => {
    const other = Buffer.from(bytes);
    const at = Math.floor((n * bytes.length) / 8);
    other[at] = other[at]! ^ (1 << n);
    return as(`a bit of signature byte ${at} flipped`, other);
  });
  const last = signature.at(-1)!;
  const payload = Buffer.from(claims, "base64url").toString();
  return [
    ...flipped,
    as("no signature", ""),
    as("a signature of zeros", Buffer.alloc(bytes.length)),
    as("a signature of r = s = 1", Buffer.concat([one(half), one(half)])),
    as("r and s exchanged", Buffer.concat([s, r])),
    as("half a signature", r),
    as("a signature twice", Buffer.concat([bytes, bytes])),
    as("a signature as DER", der(r, s)),
    as("stray bits behind the signature", signature.slice(0, -1) + nextTo(last)),
    as("padding", `${signature}==`),
    as("the other alphabet", bytes.toString("base64").replace(/=+$/, "") + "+/"),
    { name: "a dot more", token: `${token}.` },
    { name: "a dot before", token: `.${token}` },
    { name: "two parts", token: input },
    { name: "five parts, as if encrypted", token: `${head}..${claims}.${signature}.x` },
    { name: "one part of another", token: `${head}.${claims}.${claims}` },
    { name: "JSON", token: JSON.stringify({ protected: head, payload: claims, signature }) },
    { name: "in quotes", token: `"${token}"` },
    { name: "twice", token: `${token},${token}` },
    { name: "twice, with a space", token: `${token} ${token}` },
    {
      name: "another header's name",
      token: `${b64({ ...header, kid: "x" })}.${claims}.${signature}`,
    },
    ...[
      payload.replace(/"exp":(\d+)/, (_, exp) => `"exp":${Number(exp) + 3_600}`),
      payload.replace(/"sub":"[^"]*"/, '"sub":"somebody-else"'),
      payload.replace("{", '{"admin":true,'),
      payload.replace(/}$/, " }"),
    ]
      .filter((other) => other !== payload)
      .map((other, n) => ({
        name: `other claims ${n} under the old signature`,
        token: `${head}.${b64(other)}.${signature}`,
      })),
  ];
}

/** Signed by the one who may, and still not to be believed. */
export function resignedForgeries({ token, privateKey }: Genuine): Forgery[] {
  if (privateKey === null) return [];
  const [header, claims] = partsOf(token);
  const payload = Buffer.from(claims, "base64url").toString();
  const headers: { readonly [name: string]: Header } = {
    "crit that nobody knows": { ...header, crit: ["exp"], exp: 1 },
    "an empty crit": { ...header, crit: [] },
    "b64 false": { ...header, b64: false, crit: ["b64"] },
    "a compression": { ...header, zip: "DEF" },
    "an encryption": { ...header, enc: "A256GCM" },
    "a jku": { ...header, jku: "http://127.0.0.1:9/jwks.json" },
    "an x5c": { ...header, x5c: [] },
    "a type of another kind": { ...header, typ: "example+jwt" },
    "a type that is none": { ...header, typ: 1 },
    "an algorithm in other letters": { ...header, alg: String(header["alg"]).toLowerCase() },
    "an algorithm in a list": { ...header, alg: [header["alg"]] },
  };
  const resigned = Object.entries(headers).map(([name, one]) => ({
    name: `${name}, signed`,
    token: signed(one, claims, privateKey),
  }));
  const text = JSON.stringify(header);
  const spelled: { readonly [name: string]: string } = {
    "the algorithm twice": text.replace("{", '{"alg":"none",'),
    "the key id twice": text.replace(/}$/, ',"kid":"x","kid":"y"}'),
    "__proto__ in the header": text.replace("{", '{"__proto__":{"alg":"none"},'),
    "a mark of byte order": `\ufeff${text}`,
    "a comment": text.replace("{", "{/**/"),
    "a comma too many": text.replace(/}$/, ",}"),
    "a list": `[${text}]`,
    "a text": JSON.stringify(text),
  };
  const odd = Object.entries(spelled).map(([name, one]) => ({
    name: `${name}, signed`,
    token: signedText(one, claims, privateKey),
  }));
  const bodies: { readonly [name: string]: string } = {
    "a claim twice": payload.replace("{", '{"iat":1,'),
    "__proto__ among the claims": payload.replace("{", '{"__proto__":{"admin":true},'),
    "claims that are a list": `[${payload}]`,
    "claims that are a text": JSON.stringify(payload),
    "claims that are none": "null",
    "no claims": "",
    "claims behind a mark": `\ufeff${payload}`,
    "claims of 20 KB": payload.replace("{", `{"pad":"${"x".repeat(20_000)}",`),
  };
  const other = Object.entries(bodies).map(([name, one]) => ({
    name: `${name}, signed`,
    token: signedText(text, b64(one), privateKey),
  }));
  return [...resigned, ...odd, ...other];
}

function partsOf(token: string): readonly [Header, string, string] {
  const [header = "", claims = "", signature = ""] = token.split(".");
  return [JSON.parse(Buffer.from(header, "base64url").toString()) as Header, claims, signature];
}

function signed(header: Header, claims: string, key: KeyObject): string {
  return signedText(JSON.stringify(header), claims, key);
}

function signedText(header: string, claims: string, key: KeyObject): string {
  const input = `${b64(header)}.${claims}`;
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  const bytes = sign(digest, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  return `${input}.${bytes.toString("base64url")}`;
}

/** ECDSA-Sig-Value, as OpenSSL writes it. */
function der(r: Buffer, s: Buffer): Buffer {
  const integer = (bytes: Buffer): Buffer => {
    const value = bytes[0]! >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes;
    return Buffer.concat([Buffer.from([0x02, value.length]), value]);
  };
  const both = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.from([0x30, both.length]), both]);
}

function one(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes[length - 1] = 1;
  return bytes;
}

function nextTo(char: string): string {
  return ALPHABET[ALPHABET.indexOf(char) ^ 1]!;
}
