import { verifyText } from "../tunnel/keys.ts";
import { handshakeText, TUNNEL_VERSION, type Challenge } from "../tunnel/protocol.ts";
import { trustedKey } from "../tunnel/vouch.ts";
import type { EndReason, Identity } from "./end.ts";

/** Whoever answers for the gateway must hold a key that ours lead to. Null: it does. */
export function gatewayFault(
  { tenant, connector, gatewayKeys }: Identity,
  nonce: string,
  { v, session, kid, signature, chain }: Challenge,
): EndReason | null {
  const key = trustedKey(tenant, gatewayKeys, chain, kid);
  if (key === null) return "gateway_key_unknown";
  const text = handshakeText("gateway", { tenant, connector, nonce, session });
  return v === TUNNEL_VERSION && verifyText(key, text, signature) ? null : "gateway_unproven";
}
