import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import Provider from "oidc-provider";
import { announce, untilStopped } from "../service.ts";
import { APPROVALS_CLIENT_ID, CALLBACK, CLIENT_ID } from "./client.ts";
import { personOf } from "./people.ts";

/** Acme's identity provider: `node idp/server.ts --port N`. A real OpenID provider, in memory. */
const { values } = parseArgs({ options: { port: { type: "string" } } });
const port = Number(values.port ?? 0);

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = { ...privateKey.export({ format: "jwk" }), kid: "acme-idp", alg: "ES256", use: "sig" };

const server = createServer();
server.listen(port, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const issuer = `http://127.0.0.1:${address.port}`;
  const provider = new Provider(issuer, configuration());
  server.on("request", provider.callback());
  announce({ issuer });
});

untilStopped(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function client(id: string): object {
  return {
    client_id: id,
    application_type: "native",
    token_endpoint_auth_method: "none",
    id_token_signed_response_alg: "ES256",
    grant_types: ["authorization_code"],
    response_types: ["code"],
    redirect_uris: [CALLBACK],
  };
}

function configuration(): object {
  return {
    jwks: { keys: [key] },
    clients: [
      client(CLIENT_ID),
      // Who decides says when they were there: `auth_time` is in every token of this client.
      { ...client(APPROVALS_CLIENT_ID), require_auth_time: true },
    ],
    findAccount: (_: unknown, login: string) => {
      const person = personOf(login);
      if (person === undefined) return undefined;
      return { accountId: login, claims: () => ({ sub: login, ...person }) };
    },
    claims: { openid: ["sub"], profile: ["name"], email: ["email"], groups: ["groups"] },
    // Postern reads the ID token and nothing else: the groups must be in it.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    cookies: { keys: ["acme-example"] },
    ttl: { IdToken: 600, AuthorizationCode: 60, Session: 3_600, Interaction: 600, Grant: 3_600 },
    features: { devInteractions: { enabled: true } },
  };
}
