import { buildConnector } from "undici";

/** PEM. `ca`: believed instead of the public authorities. `cert`, `key`: who we are. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** As it is at this moment: certificates are renewed while we run. The same object until they are. */
export type Tls = () => TlsMaterial;

const PUBLIC: TlsMaterial = {};
/** The public authorities, and nobody in particular. */
export const publicTls: Tls = () => PUBLIC;

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

/** Opens each connection under what holds at that moment. What was resumed would be of a session of before. */
export function connectorOf(
  tls: Tls,
  options: buildConnector.BuildOptions,
): buildConnector.connector {
  let made: { readonly of: TlsMaterial; readonly connect: buildConnector.connector } | null = null;
  return (where, callback) => {
    const of = tls();
    if (made?.of !== of) made = { of, connect: buildConnector({ ...options, ...tlsOptions(of) }) };
    made.connect(where, callback);
  };
}
