import { operationDigest } from "../../core/model/operation.ts";
import { findCall } from "../../core/session/state.ts";
import type { Caller } from "../../gateway/call.ts";
import type { Gateway } from "../../gateway/ports.ts";
import { found } from "../../gateway/record.ts";
import type { KeySource } from "../../sdk/keys.ts";
import type { SpentStore } from "../../sdk/spent.ts";
import { checkToken, spendToken } from "../../sdk/verify-token.ts";

/** What is known of the gateway's own call tokens where they come back to it. */
export interface OwnTokens {
  readonly gateway: Gateway;
  readonly tenant: string;
  readonly issuer: string;
  readonly keys: KeySource;
  readonly spent: SpentStore;
}

/**
 * Who asks through a tool: the seat whose call this is. The token names tool and call; that the call
 * is under way, and that it is this very request, is looked up and worked out here. Null: refused.
 */
export async function callerOfToken(
  own: OwnTokens,
  token: string,
  request: { readonly path: string; readonly query: string; readonly body: string },
): Promise<Caller | null> {
  const { gateway, tenant, issuer, keys, spent } = own;
  const now = gateway.system.now();
  const checked = await checkToken(token, { keys, issuer, audience: issuer, tenant, now });
  if (!checked.ok) return null;
  const { workflow, call, agent, human } = checked;
  const session = await found(gateway, { tenant, workflow });
  const under = session === null ? undefined : findCall(session.state.inFlight, call);
  const runtime = gateway.bundles.active(tenant)?.tool(checked.tool);
  if (under === undefined || runtime === undefined) return null;
  const { sha256 } = gateway.system;
  const operation = operationDigest(sha256, {
    http: {
      method: "POST",
      destination: runtime.tool.destination,
      path: request.path,
      query: request.query,
      contentDigest: sha256(request.body),
    },
  });
  const result = await spendToken(checked, { operation, spent, now });
  if (!result.ok) return null;
  return { tenant, workflow, seat: under.seat, agent, human };
}
