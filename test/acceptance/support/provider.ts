import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { JWTHeaderParameters } from "jose";
import { type KeyPair, keyPair, seconds, sign } from "./keys.ts";

/** What the provider calls the gateway when it sends it security events. */
export const EVENTS_AUDIENCE = "https://gate.example/events";

/**
 * An identity provider whose signing key is in our hands. The real one (oidc-provider) cannot be
 * made to sign an expired token or one for somebody else; this one signs anything.
 */
export class Provider {
  readonly key: KeyPair;
  readonly issuer: string;
  readonly #server: Server;

  private constructor(key: KeyPair, server: Server) {
    this.key = key;
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<Provider> {
    const key = await keyPair("ES256", "by-hand");
    const server = createServer((request, response) => {
      const { issuer } = provider;
      const [, login] = /^\/sign-in\/([a-z]+)$/.exec(request.url ?? "") ?? [];
      if (login !== undefined) {
        void provider.idToken(login).then((token) => response.end(token));
        return;
      }
      const documents: { readonly [path: string]: unknown } = {
        "/.well-known/openid-configuration": { issuer, jwks_uri: `${issuer}/keys` },
        "/keys": { keys: [{ ...key.publicJwk, kid: key.kid, alg: key.alg, use: "sig" }] },
      };
      const document = documents[request.url ?? ""];
      response.writeHead(document === undefined ? 404 : 200, {
        "content-type": "application/json",
      });
      response.end(JSON.stringify(document ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const provider = new Provider(key, server);
    return provider;
  }

  /** Prints an ID token, for whoever is told how people sign in. */
  signInCommand(login: string): readonly string[] {
    const script =
      "fetch(process.argv[1]).then(async (answer) => console.log(await answer.text()))";
    return [process.execPath, "-e", script, `${this.issuer}/sign-in/${login}`];
  }

  /** An ID token; `change` makes it a wrong one. */
  idToken(login: string, change: { readonly [claim: string]: unknown } = {}): Promise<string> {
    const now = seconds();
    const claims = {
      iss: this.issuer,
      aud: "postern",
      sub: login,
      groups: ["support"],
      nonce: randomUUID(),
      jti: randomUUID(),
      iat: now,
      exp: now + 600,
    };
    return sign(this.key, { ...claims, ...change });
  }

  /** A sign-in to decide; `change` makes it a wrong one. */
  approverToken(
    login: string,
    nonce: string,
    change: { readonly [claim: string]: unknown } = {},
  ): Promise<string> {
    const groups = login === "erin" ? ["billing-admins"] : ["support"];
    const aud = "postern-approvals";
    return this.idToken(login, { aud, nonce, groups, auth_time: seconds(), ...change });
  }

  /** A Security Event Token (RFC 8417); `change` makes it a wrong one. */
  securityEvent(
    subject: { readonly iss: unknown; readonly sub: unknown },
    type: string,
    change: { readonly [claim: string]: unknown } = {},
    header: Partial<JWTHeaderParameters> = {},
  ): Promise<string> {
    const claims = {
      iss: this.issuer,
      aud: EVENTS_AUDIENCE,
      iat: seconds(),
      jti: randomUUID(),
      sub_id: { format: "iss_sub", iss: subject.iss, sub: subject.sub },
      events: { [`https://schemas.openid.net/secevent/caep/event-type/${type}`]: {} },
    };
    return sign(this.key, { ...claims, ...change }, { typ: "secevent+jwt", ...header });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
