import { isObject } from "../core/model/json.ts";
import { fetchJson } from "../sdk/fetch-json.ts";
import { KeyCache, type KeyRing } from "../sdk/key-cache.ts";
import { importKeys, type VerifyKey } from "./keys.ts";
import type { IdpConfig } from "./oidc.ts";

/** Where a human assertion's key is looked up. Null: the provider cannot be asked now. */
export interface IdpKeys {
  ringFor(kid: string | null, now: number): Promise<KeyRing<VerifyKey> | null>;
}

/** Who signs, with what. */
export interface KeySource extends Pick<IdpConfig, "issuer" | "algorithms"> {
  /** Absent: found by discovery from the issuer. */
  readonly jwksUri?: string | undefined;
}

/** Discovery, then the key document it names; cached, bounded, fails closed. */
export function discoverKeys(source: KeySource, fetcher: typeof fetch = fetch): IdpKeys {
  return new KeyCache(async () => {
    const uri = source.jwksUri ?? (await discovered(source.issuer, fetcher));
    const document = uri === null ? null : await fetchJson(uri, fetcher);
    if (document?.ok !== true) return null;
    const imported = importKeys(document.value, source.algorithms);
    return imported.ok ? imported.ring : null;
  });
}

async function discovered(wanted: string, fetcher: typeof fetch): Promise<string | null> {
  const document = await fetchJson(discoveryUrl(wanted), fetcher);
  if (!document.ok || !isObject(document.value)) return null;
  const { issuer, jwks_uri } = document.value;
  // OpenID Connect Discovery §4.3: another issuer's document must not lend us its keys.
  return issuer === wanted && typeof jwks_uri === "string" ? jwks_uri : null;
}

function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
}
