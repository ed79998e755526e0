import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Child } from "../child.ts";
import { signIn, SignInRefused } from "./sign-in.ts";

let folder: string;
let idp: Child;
let issuer: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "acme-idp-"));
  const server = join(import.meta.dirname, "server.ts");
  idp = await Child.start({ name: "idp", args: [server], log: join(folder, "idp.log") });
  issuer = String(idp.facts["issuer"]);
});

afterAll(async () => {
  await idp.stop();
  rmSync(folder, { recursive: true });
});

describe("the identity provider", () => {
  it.each([
    ["dana", ["support"]],
    ["erin", ["billing-admins"]],
    ["olga", ["operations"]],
    ["mallory", []],
  ])("signs %s in with groups %j", async (login, groups) => {
    const token = await signIn(issuer, login);
    const keys = createRemoteJWKSet(new URL("/jwks", issuer));
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience: "postern",
      algorithms: ["ES256"],
    });
    expect(payload).toMatchObject({ sub: login, groups });
  });

  it("signs a person in for one decision, who says when they were there", async () => {
    const token = await signIn(issuer, "erin", "approve:finance:digest");
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL("/jwks", issuer)), {
      issuer,
      audience: "postern-approvals",
    });
    const now = Date.now() / 1_000;
    expect(payload).toMatchObject({ sub: "erin", nonce: "approve:finance:digest" });
    expect(Math.abs(now - Number(payload["auth_time"]))).toBeLessThan(30);
  });

  it("gives another token each time, because a token opens one workflow once", async () => {
    const [one, other] = await Promise.all([signIn(issuer, "dana"), signIn(issuer, "dana")]);
    expect(one).not.toBe(other);
  });

  it("does not sign a stranger in", async () => {
    await expect(signIn(issuer, "nobody")).rejects.toBeInstanceOf(SignInRefused);
  });
});
