import type { KeyRing } from "../sdk/key-cache.ts";
import type { KeySource } from "./idp-keys.ts";
import type { VerifyKey } from "./keys.ts";
import { type HumanResult, verifyHumanAssertion } from "./oidc.ts";

/**
 * Cloudflare Access in front of this gateway: it signs people in and says who asks in a header. Anybody can send that
 * header, also past Access: it is worth what its signature is, and only for this one application.
 */
export const ACCESS_HEADER = "cf-access-jwt-assertion";

export interface AccessConfig {
  /** `https://TEAM.cloudflareaccess.com`: issuer of its assertions. */
  readonly team: string;
  /** The application's audience tag. */
  readonly audience: string;
}

/** Access signs with RSA alone, and publishes its keys at one place. */
export function accessKeys({ team }: Pick<AccessConfig, "team">): KeySource {
  return { issuer: team, algorithms: ["RS256"], jwksUri: `${team}/cdn-cgi/access/certs` };
}

/** A service token has an assertion, too: it has no `sub`, and is no human. */
export function verifyAccessAssertion(
  token: string,
  { team, audience }: AccessConfig,
  ring: KeyRing<VerifyKey>,
  now: number,
): HumanResult {
  const { algorithms } = accessKeys({ team });
  const result = verifyHumanAssertion(token, { issuer: team, audience, algorithms }, ring, now);
  if (!result.ok) return result;
  // The team's own session (`org`) is good for every application of the account.
  return result.assertion.claims["type"] === "app"
    ? result
    : { ok: false, fault: "claims_invalid" };
}
