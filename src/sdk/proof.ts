import { encodeBase64url } from "./base64url.ts";
import { sha256, utf8 } from "./hash.ts";
import { thumbprintInput } from "./jwk.ts";
import { importPrivateKey, signCompact, type PrivateKey, type PrivateKeyJwk } from "./sign.ts";

/** The key a workflow credential is bound to (RFC 9449): whoever steals the credential lacks it. */
export class ProofKey {
  readonly #key: PrivateKey;
  readonly #jwk: object;
  /** `ath` of the credential used last: one digest a credential, not one a request. */
  #last = { credential: "", ath: "" };

  private constructor(key: PrivateKey) {
    this.#key = key;
    const { alg: _alg, kid: _kid, ...material } = key.publicJwk;
    this.#jwk = material;
  }

  /** A fresh key for one workflow; nobody else ever has it. */
  static async generate(): Promise<ProofKey> {
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    if (!("privateKey" in pair)) throw new TypeError("no key pair");
    const { x, d } = await crypto.subtle.exportKey("jwk", pair.privateKey);
    if (x === undefined || d === undefined) throw new TypeError("no key pair");
    return ProofKey.import({ kty: "OKP", crv: "Ed25519", x, d });
  }

  static async import(jwk: PrivateKeyJwk): Promise<ProofKey> {
    return new ProofKey(await importPrivateKey(jwk, true));
  }

  /** RFC 7638, base64url: what a credential names as its key. */
  async thumbprint(): Promise<string> {
    return encodeBase64url(await sha256(utf8(thumbprintInput(this.#key.publicJwk))));
  }

  /** The private key itself, for an agent that wants to resume; keep it like a password. */
  async export(): Promise<PrivateKeyJwk> {
    const { d } = await crypto.subtle.exportKey("jwk", this.#key.key);
    return { ...this.#jwk, d } as PrivateKeyJwk;
  }

  /** One proof is good for one request. */
  async prove(request: {
    readonly method: string;
    readonly url: string;
    /** Milliseconds. */
    readonly now: number;
    readonly credential?: string;
    readonly nonce?: string;
  }): Promise<string> {
    const { origin, pathname } = new URL(request.url);
    const { credential, nonce } = request;
    const claims = {
      jti: crypto.randomUUID(),
      htm: request.method.toUpperCase(),
      htu: `${origin}${pathname}`,
      iat: Math.floor(request.now / 1_000),
      ...(credential !== undefined && { ath: await this.#athOf(credential) }),
      ...(nonce !== undefined && { nonce }),
    };
    return signCompact({ typ: "dpop+jwt", jwk: this.#jwk }, claims, this.#key);
  }

  async #athOf(credential: string): Promise<string> {
    if (this.#last.credential !== credential) {
      this.#last = { credential, ath: encodeBase64url(await sha256(utf8(credential))) };
    }
    return this.#last.ath;
  }
}
