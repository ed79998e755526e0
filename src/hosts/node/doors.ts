import { randomBytes, randomUUID } from "node:crypto";
import { callTool } from "../../gateway/call.ts";
import type { Gateway } from "../../gateway/ports.ts";
import type { AgentRings } from "../../identity/client-assertion.ts";
import { createCredentialContext } from "../../identity/credential.ts";
import { createProofMemory } from "../../identity/dpop.ts";
import { discoverKeys } from "../../identity/idp-keys.ts";
import { importKeys, publicJwks, ringOf } from "../../identity/keys.ts";
import {
  authorizationServerMetadata,
  issuerOf,
  protectedResourceMetadata,
  resourceOf,
  tokenEndpointOf,
} from "../../identity/metadata.ts";
import { SpentProofs } from "../../identity/spent.ts";
import { mcpSurface } from "../../surfaces/mcp/surface.ts";
import type { TenantDoor } from "../../surfaces/rest/app.ts";
import {
  authenticate,
  exchangeToken,
  type IdentityDoor,
  openAsJson,
} from "../../surfaces/rest/door.ts";
import { enrolConnector } from "../../surfaces/rest/enrol.ts";
import { listTools } from "../../tools/list.ts";
import { checkEnrolment, joinCodeHash } from "../../tunnel/join-code.ts";
import { thumbprint } from "../../tunnel/keys.ts";
import type { Clock } from "../../tunnel/socket.ts";
import type { ActiveBundles, CompiledBundle } from "./bundles.ts";
import type { GatewayConfig } from "./config.ts";
import type { Directory } from "./directory.ts";
import type { LogLine } from "./gateway.ts";
import type { TenantKeys } from "./keys.ts";

export interface DoorParts {
  readonly config: GatewayConfig;
  readonly url: string;
  readonly gateway: Gateway;
  readonly keys: ReadonlyMap<string, TenantKeys>;
  readonly directory: Directory;
  readonly bundles: ActiveBundles;
  readonly clock: Clock;
  log(line: LogLine): void;
}

/** What each tenant shows to the outside, assembled once at the start. */
export function tenantDoors(parts: DoorParts): ReadonlyMap<string, TenantDoor> {
  return new Map(
    Object.keys(parts.config.tenants).map((tenant) => [tenant, doorOf(tenant, parts)]),
  );
}

function doorOf(tenant: string, parts: DoorParts): TenantDoor {
  const { config, url, gateway, directory, bundles, clock } = parts;
  const keys = parts.keys.get(tenant)!;
  const { idp } = config.tenants[tenant]!;
  const place = { publicUrl: url, tenant };
  const issuer = issuerOf(place);
  const door: IdentityDoor = {
    gateway,
    place,
    credentialKey: keys.credential,
    newId: randomUUID,
    exchange: {
      tenant,
      audiences: [tokenEndpointOf(place), issuer],
      idp,
      idpKeys: discoverKeys(idp),
      agents: agentRings(() => bundles.of(tenant)),
      credentials: createCredentialContext({
        tenant,
        issuer,
        resource: resourceOf(place),
        ring: ringOf([keys.credential]),
      }),
      proofs: createProofMemory(
        clock.now(),
        randomBytes(16).toString("base64url"),
        new SpentProofs(),
      ),
      spent: directory,
      pseudonymKey: keys.pseudonym,
    },
  };
  const jwks = publicJwks([keys.call]);
  return {
    authenticate: async (request) => authenticate(door, request),
    exchange: (request) => exchangeToken(door, request),
    open: (request) => openAsJson(door, request),
    enrol: (request) =>
      enrolConnector(request, async (body) => {
        let burnt: string | null = null;
        const checked = checkEnrolment(tenant, body, clock.now(), (hash) => {
          const grant = directory.takeJoinCode(tenant, hash);
          if (grant !== null) burnt = hash;
          return grant;
        });
        if (!checked.ok) {
          if (burnt !== null) await directory.settleJoinCode(tenant, burnt, null);
          return checked.code;
        }
        const { code, publicKey, network, tier } = checked.request;
        const record = {
          tenant,
          id: `con_${randomUUID().replaceAll("-", "")}`,
          publicKey,
          network,
          tier,
        };
        await directory.settleJoinCode(tenant, joinCodeHash(code), {
          record,
          jkt: thumbprint(publicKey),
        });
        return { connector: record.id, issuer, audience: issuer, jwks };
      }),
    mcp: mcpSurface({
      allowedOrigins: [new URL(url).origin],
      ports: {
        callTool: (caller, tool, args) => callTool(gateway, caller, { tool, arguments: args }),
        async listTools(caller) {
          const session = await gateway.sessions.find(tenant, caller.workflow);
          const bundle = gateway.bundles.active(tenant);
          const seat = session?.state.seats[caller.seat];
          if (session === null || bundle === null || seat === undefined) return [];
          return listTools(bundle, session.state, seat, gateway.locks.now(tenant));
        },
        outputSchema: (_caller, tool) =>
          gateway.bundles.active(tenant)?.tool(tool)?.outputSchema ?? null,
        fault: () => parts.log({ event: "mcp.failed", tenant }),
      },
    }),
    jwks,
    protectedResource: protectedResourceMetadata(place),
    authorizationServer: authorizationServerMetadata(place),
  };
}

/** The public keys of the active bundle's agents, imported once per bundle. */
function agentRings(active: () => CompiledBundle | null): AgentRings {
  let of: CompiledBundle | null = null;
  let rings = new Map<string, ReturnType<AgentRings>>();
  return (agent) => {
    const now = active();
    if (now !== of) {
      of = now;
      rings = new Map(
        (now?.source.agents ?? []).map(({ id, keys }) => {
          const imported = importKeys({ keys }, ["EdDSA", "ES256"]);
          return [id, imported.ok ? imported.ring : undefined];
        }),
      );
    }
    return rings.get(agent);
  };
}
