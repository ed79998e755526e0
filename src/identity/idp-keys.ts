import { isObject } from "../core/model/json.ts";
import { fetchJson } from "../sdk/fetch-json.ts";
import { KeyCache, type KeyRing } from "../sdk/key-cache.ts";
import { importKeys, type VerifyKey } from "./keys.ts";
import type { IdpConfig } from "./oidc.ts";

/** Where a human assertion's key is looked up. Null: the provider cannot be asked now. */
export interface IdpKeys {
  ringFor(kid: string | null, now: number): Promise<KeyRing<VerifyKey> | null>;
}

/** Discovery, then the key document it names; cached, bounded, fails closed. */
export function discoverKeys(idp: IdpConfig, fetcher: typeof fetch = fetch): IdpKeys {
  return new KeyCache(async () => {
    const discovered = await fetchJson(discoveryUrl(idp.issuer), fetcher);
    if (!discovered.ok || !isObject(discovered.value)) return null;
    const { issuer, jwks_uri } = discovered.value;
    // OpenID Connect Discovery §4.3: another issuer's document must not lend us its keys.
    if (issuer !== idp.issuer || typeof jwks_uri !== "string") return null;
    const document = await fetchJson(jwks_uri, fetcher);
    if (!document.ok) return null;
    const imported = importKeys(document.value, idp.algorithms);
    return imported.ok ? imported.ring : null;
  });
}

function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
}
