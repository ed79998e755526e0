import { randomBytes } from "node:crypto";
import { AuditUnavailable } from "../../gateway/ports.ts";
import type { Administration } from "../../surfaces/admin/ports.ts";
import type { GatewayEnd } from "../../tunnel/gateway-end.ts";
import { formatJoinCode, joinCodeHash } from "../../tunnel/join-code.ts";
import { thumbprint } from "../../tunnel/keys.ts";
import type { Directory } from "./directory.ts";
import type { NodeKeys } from "./keys.ts";

interface Parts {
  readonly keys: NodeKeys;
  readonly directory: Directory;
  readonly end: GatewayEnd;
  now(): number;
}

export function connectorAdministration({
  keys,
  directory,
  end,
  now,
}: Parts): Pick<
  Administration,
  "createJoinCode" | "listConnectors" | "drainConnector" | "rotateConnector" | "removeConnector"
> {
  return {
    async createJoinCode(tenant, { network, tier, lifeMs }) {
      const kid = keys.signing(tenant, "call")?.kid;
      // With nothing to be known by, the connector could not tell us from a stranger.
      if (kid === undefined) throw new AuditUnavailable("no key of the tenant may sign now");
      const secret = randomBytes(32).toString("base64url");
      const code = { tenant, secret, thumbprint: kid };
      const expiresAt = now() + lifeMs;
      await directory.createJoinCode(tenant, joinCodeHash(code), { network, tier, expiresAt });
      return { code: formatJoinCode(code), expiresAt: new Date(expiresAt).toISOString() };
    },
    listConnectors: (tenant) =>
      directory.connectors(tenant).map(({ id, network, tier }) => ({
        connector: id,
        network,
        tier,
        connected: end.live(tenant, id) !== null,
      })),
    async drainConnector(tenant, connector) {
      if (directory.connector(tenant, connector) === null) return "unknown";
      const calls = end.drain(tenant, connector);
      if (calls === null) return "away";
      await directory.connectorDrained(tenant, connector);
      return { calls };
    },
    async rotateConnector(tenant, connector) {
      if (directory.connector(tenant, connector) === null) return "unknown";
      const successor = await end.rotate(tenant, connector);
      // Looked up again: it may have been removed while it was asked.
      const record = directory.connector(tenant, connector);
      if (record === null) return "unknown";
      if (successor === null) return "away";
      await directory.rekeyConnector(record, successor.key);
      end.rotated(tenant, connector, successor);
      return { key: thumbprint(successor.key) };
    },
    async removeConnector(tenant, connector) {
      if (directory.connector(tenant, connector) === null) return false;
      await directory.removeConnector(tenant, connector);
      end.expel(tenant, connector);
      return true;
    },
  };
}
