import { createHash, randomUUID } from "node:crypto";
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  SignJWT,
} from "jose";

export type Alg = "EdDSA" | "ES256";

export interface KeyPair {
  readonly alg: Alg;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function keyPair(alg: Alg, kid: string): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, publicJwk: await exportJWK(publicKey) };
}

type Claims = { readonly [claim: string]: unknown };

/** Signs what it is given, also what nobody should ever sign; `undefined` leaves a claim out. */
export async function sign(
  key: KeyPair,
  claims: Claims,
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  return signWith(key, claims, { alg: key.alg, kid: key.kid, typ: "JWT", ...header });
}

function signWith(key: KeyPair, claims: Claims, header: JWTHeaderParameters): Promise<string> {
  const present = Object.entries(claims).filter(([, value]) => value !== undefined);
  return new SignJWT(Object.fromEntries(present)).setProtectedHeader(header).sign(key.privateKey);
}

export function seconds(): number {
  return Math.floor(Date.now() / 1_000);
}

export function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** The classic forgery: a header that says that nothing needs to be checked. */
export function unsigned(token: string): string {
  const [, payload = ""] = token.split(".");
  return `${base64url({ alg: "none", typ: "JWT" })}.${payload}.`;
}

export function payloadOf(token: string): { readonly [claim: string]: unknown } {
  const [, payload = ""] = token.split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as { [claim: string]: unknown };
}

/** An agent: an id, a key that signs its assertions, a key that proves possession. */
export class Agent {
  readonly id: string;
  readonly assertionKey: KeyPair;
  readonly proofKey: KeyPair;

  constructor(id: string, assertionKey: KeyPair, proofKey: KeyPair) {
    this.id = id;
    this.assertionKey = assertionKey;
    this.proofKey = proofKey;
  }

  static async create(id: string, alg: Alg = "EdDSA"): Promise<Agent> {
    return new Agent(id, await keyPair(alg, `${id}-${alg}`), await keyPair("ES256", "proof"));
  }

  /** RFC 7523, for the token endpoint of one tenant. */
  assertion(
    audience: string,
    change: Claims = {},
    header: Partial<JWTHeaderParameters> = {},
  ): Promise<string> {
    const now = seconds();
    const claims = {
      iss: this.id,
      sub: this.id,
      aud: audience,
      jti: randomUUID(),
      iat: now,
      exp: now + 50,
    };
    return sign(this.assertionKey, { ...claims, ...change }, header);
  }

  /** RFC 7638 thumbprint of the proof key. */
  thumbprint(): Promise<string> {
    return calculateJwkThumbprint(this.proofKey.publicJwk);
  }

  /** RFC 8693 `actor_token`: takes a seat of this workflow, bound to this agent's proof key. */
  async actorToken(
    audience: string,
    workflow: string,
    change: Claims = {},
    header: Partial<JWTHeaderParameters> = {},
  ): Promise<string> {
    const cnf = { jkt: await this.thumbprint() };
    const typ = "postern-actor+jwt";
    return this.assertion(audience, { workflow, cnf, ...change }, { typ, ...header });
  }

  /** RFC 9449. */
  proof(
    method: string,
    url: string,
    more: {
      readonly token?: string | undefined;
      readonly nonce?: string | undefined;
      readonly change?: Claims;
    } = {},
  ): Promise<string> {
    const { token, nonce, change } = more;
    const ath =
      token === undefined ? undefined : createHash("sha256").update(token).digest("base64url");
    const htu = url.split("?", 1)[0];
    const claims = { jti: randomUUID(), htm: method, htu, iat: seconds(), ath, nonce };
    const { alg, publicJwk: jwk } = this.proofKey;
    return signWith(this.proofKey, { ...claims, ...change }, { typ: "dpop+jwt", alg, jwk });
  }
}
