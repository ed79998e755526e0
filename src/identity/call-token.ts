import { CALL_TOKEN_TYPE, type CallTokenClaims } from "../core/model/claims.ts";
import type { CallTokens } from "../gateway/ports.ts";
import { signJwt } from "./jws.ts";
import type { SigningKey } from "./keys.ts";

/** What a tenant's call tokens are signed with and say of themselves. */
export interface CallTokenIssuer {
  /** `<public url>/<tenant>` */
  readonly issuer: string;
  /** The trust domain. */
  readonly audience: string;
  readonly key: SigningKey;
}

/**
 * `now` in milliseconds: the clock that connectors learn with the beat. No issuer: no key of the
 * tenant may sign now.
 */
export function createCallTokens(
  issuerOf: (tenant: string) => CallTokenIssuer | null,
  now: () => number,
): CallTokens {
  return {
    mint(tenant, claims, lifeSeconds) {
      const own = issuerOf(tenant);
      if (own === null) return null;
      const { issuer, audience, key } = own;
      const iat = Math.floor(now() / 1_000);
      const all: CallTokenClaims = {
        iss: issuer,
        aud: audience,
        iat,
        exp: iat + lifeSeconds,
        ...claims,
      };
      return signJwt(CALL_TOKEN_TYPE, all, key);
    },
  };
}
