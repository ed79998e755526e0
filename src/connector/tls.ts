/** PEM. `ca`: believed instead of the public authorities. `cert`, `key`: who we are. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Said explicitly, because the environment may say otherwise: NODE_TLS_REJECT_UNAUTHORIZED and
 * `--tls-min-v1.0` switch these off for a whole process. The host's name is always verified.
 */
export function tlsOptions(material: TlsMaterial): TlsMaterial & {
  readonly rejectUnauthorized: true;
  readonly minVersion: "TLSv1.2";
} {
  return { ...material, rejectUnauthorized: true, minVersion: "TLSv1.2" };
}
