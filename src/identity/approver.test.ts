import { describe, expect, it } from "vitest";
import { decisionNonce, verifyApprover } from "./approver.ts";
import { exchangeContext, humanToken, NOW, NOW_S } from "./testing.ts";

const APPROVALS = { audience: "postern-approvals", maxAgeSeconds: 300 };
const DIGEST = "ab".repeat(32);
const NONCE = decisionNonce("approve", "finance", DIGEST);
const { idp, idpKeys } = exchangeContext();

async function verdict(over: object, nonce: string | null = NONCE): Promise<string> {
  const ring = (await idpKeys.ringFor("idp-1", NOW))!;
  const claims = { aud: APPROVALS.audience, auth_time: NOW_S - 10, nonce: NONCE, ...over };
  const result = verifyApprover(humanToken(claims), idp, APPROVALS, ring, NOW, nonce);
  return result.ok ? `ok ${result.approver.groups.join()}` : result.fault;
}

describe("a sign-in to decide", () => {
  it("says verdict, kind and digest in its nonce", () => {
    expect(NONCE).toBe(`approve:finance:${DIGEST}`);
  });

  it("is good for what its nonce says, by somebody who was there just now", async () => {
    expect(await verdict({})).toBe("ok support");
    expect(await verdict({ auth_time: NOW_S - 300 })).toBe("ok support");
  });

  it.each([
    ["of the client that starts agents", { aud: "postern" }, "audience_mismatch"],
    ["without a time", { auth_time: undefined }, "claims_invalid"],
    ["with a time that is none", { auth_time: "now" }, "claims_invalid"],
    ["of six minutes ago", { auth_time: NOW_S - 360 }, "sign_in_too_old"],
    ["of tomorrow", { auth_time: NOW_S + 86_400 }, "sign_in_too_old"],
    ["without a nonce", { nonce: undefined }, "nonce_mismatch"],
    ["for the other verdict", { nonce: NONCE.replace("approve", "reject") }, "nonce_mismatch"],
    ["for another kind", { nonce: NONCE.replace("finance", "second") }, "nonce_mismatch"],
    ["for another digest", { nonce: NONCE.replace("ab", "cd") }, "nonce_mismatch"],
    ["with a nonce that is a list", { nonce: [NONCE] }, "nonce_mismatch"],
    ["that ran out", { exp: NOW_S - 100 }, "expired"],
  ])("%s decides nothing", async (_what, over, fault) => {
    expect(await verdict(over)).toBe(fault);
  });

  it("of a quarter of an hour ago is good to look, whatever its nonce", async () => {
    const claims = { auth_time: NOW_S - 880, nonce: "view" };
    expect(await verdict(claims, null)).toBe("ok support");
    expect(await verdict({ ...claims, auth_time: NOW_S - 920 }, null)).toBe("sign_in_too_old");
    expect(await verdict(claims)).toBe("sign_in_too_old");
  });

  it("brings all groups, or none where the provider names none", async () => {
    const most = Array.from({ length: 500 }, (_, at) => String(at));
    expect(await verdict({ groups: ["a", "x".repeat(256)] })).toBe(`ok a,${"x".repeat(256)}`);
    expect(await verdict({ groups: most })).toBe(`ok ${most.join()}`);
    expect(await verdict({ groups: undefined })).toBe("ok ");
    expect(await verdict({ _claim_names: { address: "src1" } })).toBe("ok support");
  });

  // A rule that forbids by group would not see the one that was left out.
  it.each([
    ["of which there are too many", { groups: Array.from({ length: 501 }, String) }],
    ["of which one is no text", { groups: ["a", 7] }],
    ["of which one is too long to be a name", { groups: ["x".repeat(257)] }],
    ["that are no list", { groups: "admins" }],
    ["that stand elsewhere", { groups: undefined, _claim_names: { groups: "src1" } }],
    ["that may stand elsewhere", { _claim_names: "src1" }],
  ])("with groups %s decides nothing, and does not look", async (_what, over) => {
    expect(await verdict(over)).toBe("claims_invalid");
    expect(await verdict({ ...over, nonce: "view" }, null)).toBe("claims_invalid");
  });
});
