import { describe, expect, it } from "vitest";
import { exchangeToken, type IdentityDoor, openAsJson } from "./door.ts";

/** A tenant whose key was locked while no new one could be written. */
function keyless(): IdentityDoor {
  const untouched = (): never => {
    throw new Error("something was looked at");
  };
  return {
    gateway: new Proxy({}, { get: untouched }) as IdentityDoor["gateway"],
    exchange: new Proxy(
      {},
      { get: (_, member) => (member === "access" ? null : untouched()) },
    ) as IdentityDoor["exchange"],
    place: { publicUrl: "https://postern.example", tenant: "acme" },
    credentialKey: () => null,
    elsewhere: untouched,
    newId: untouched,
  };
}

const form = (subject_token_type: string, more: object = {}): Request =>
  new Request("https://postern.example/acme/oauth/token", {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      ...{ subject_token: "a", subject_token_type, client_assertion: "b" },
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      resource: "https://postern.example/acme/mcp",
      ...more,
    }),
  });
const details = JSON.stringify([{ type: "dev.postern/workflow", purpose: "p" }]);

describe("the doors of a tenant that can sign nothing now", () => {
  it.each([
    ["a sign-in", "id_token", { authorization_details: details }],
    ["a renewal", "access_token", {}],
  ])("use nothing up of %s", async (_what, type, more) => {
    const request = form(`urn:ietf:params:oauth:token-type:${type}`, more);
    const answer = await exchangeToken(keyless(), request);
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: "temporarily_unavailable" },
    ]);
  });

  it("use nothing up of a sign-in as JSON", async () => {
    const body = JSON.stringify({ subject_token: "a", client_assertion: "b", purpose: "p" });
    const headers = { "content-type": "application/json" };
    const url = "https://postern.example/acme/v1/workflows";
    const request = new Request(url, { method: "POST", headers, body });
    expect((await openAsJson(keyless(), request)).status).toBe(503);
  });
});
