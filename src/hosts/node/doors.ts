import { randomBytes, randomUUID } from "node:crypto";
import { callTool } from "../../gateway/call.ts";
import type { Gateway } from "../../gateway/ports.ts";
import { accessKeys } from "../../identity/access.ts";
import type { AgentRings } from "../../identity/client-assertion.ts";
import {
  createCredentialContext,
  type CredentialContext,
  knownWorkflow,
  ownerElsewhere,
} from "../../identity/credential.ts";
import { createProofMemory } from "../../identity/dpop.ts";
import { discoverKeys } from "../../identity/idp-keys.ts";
import { importKeys } from "../../identity/keys.ts";
import {
  authorizationServerMetadata,
  issuerOf,
  protectedResourceMetadata,
  resourceOf,
  tokenEndpointOf,
} from "../../identity/metadata.ts";
import { credentialOf } from "../../identity/request.ts";
import { SpentProofs } from "../../identity/spent.ts";
import { mcpSurface } from "../../surfaces/mcp/surface.ts";
import { MemorySpentStore } from "../../sdk/spent.ts";
import type { TenantDoor } from "../../surfaces/rest/app.ts";
import {
  authenticate,
  exchangeToken,
  type IdentityDoor,
  openAsJson,
} from "../../surfaces/rest/door.ts";
import { enrolConnector } from "../../surfaces/rest/enrol.ts";
import { listedTools } from "../../surfaces/listed-tools.ts";
import { checkEnrolment, joinCodeHash } from "../../tunnel/join-code.ts";
import { thumbprint } from "../../tunnel/keys.ts";
import type { Clock } from "../../tunnel/socket.ts";
import type { ActiveBundles, CompiledBundle } from "./bundles.ts";
import type { TenantConfig } from "./config.ts";
import type { CoreShare } from "./core-share.ts";
import type { Directory } from "./directory.ts";
import type { LogLine } from "./gateway.ts";
import type { NodeKeys } from "./keys.ts";
import type { NodeLocks } from "./locks.ts";
import { securityEvents } from "./security-events.ts";

export interface DoorParts {
  readonly config: {
    readonly tenants: { readonly [name: string]: Omit<TenantConfig, "connectors"> };
  };
  readonly url: string;
  readonly gateway: Gateway;
  readonly keys: NodeKeys;
  readonly directory: Directory;
  readonly bundles: ActiveBundles;
  readonly locks: NodeLocks;
  readonly core: Pick<CoreShare, "take">;
  readonly clock: Clock;
  log(line: LogLine): void;
}

/** What each tenant shows to the outside, assembled once at the start. */
export function tenantDoors(parts: DoorParts): ReadonlyMap<string, TenantDoor> {
  const credentials = new Map<string, CredentialContext>();
  return new Map(
    Object.keys(parts.config.tenants).map((tenant) => [tenant, doorOf(tenant, parts, credentials)]),
  );
}

/** `everybody`: how the credentials of each tenant are judged; this one is added. */
function doorOf(
  tenant: string,
  parts: DoorParts,
  everybody: Map<string, CredentialContext>,
): TenantDoor {
  const { config, url, gateway, keys, directory, bundles, core, clock } = parts;
  const { idp, access, approvals, events } = config.tenants[tenant]!;
  const place = { publicUrl: url, tenant };
  const issuer = issuerOf(place);
  const credentials = createCredentialContext({
    tenant,
    issuer,
    resource: resourceOf(place),
    ring: (use) => keys.credentials(tenant, use),
  });
  everybody.set(tenant, credentials);
  const door: IdentityDoor = {
    gateway,
    place,
    elsewhere: (token) => {
      const others = [...everybody.values()].filter((one) => one !== credentials);
      return ownerElsewhere(token, others, clock.now());
    },
    credentialKey: () => keys.signing(tenant, "credential"),
    newId: randomUUID,
    exchange: {
      tenant,
      audiences: [tokenEndpointOf(place), issuer],
      idp,
      idpKeys: discoverKeys(idp),
      access: access === undefined ? null : { ...access, keys: discoverKeys(accessKeys(access)) },
      agents: agentRings(() => bundles.of(tenant)),
      credentials,
      callKeys: keys.callTokens(tenant),
      // Set back before this start, the clock will come to what was used before it once more.
      proofs: createProofMemory(
        Math.max(clock.now(), directory.latest()),
        randomBytes(16).toString("base64url"),
        new SpentProofs(),
      ),
      spent: directory,
      pseudonymKey: keys.pseudonym(tenant),
    },
  };
  return {
    turn: (request) => {
      const token = credentialOf(request.headers.get("authorization") ?? "");
      const workflow = token === null ? null : knownWorkflow(token, credentials);
      return core.take({ tenant, workflow: workflow ?? "" });
    },
    authenticate: (request) => authenticate(door, request),
    ownTokens: { tenant, issuer, keys: keys.callTokens(tenant), spent: new MemorySpentStore() },
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
        const jwks = keys.enrolmentJwks(tenant);
        return { connector: record.id, issuer, audience: issuer, jwks };
      }),
    mcp: mcpDoor(tenant, parts),
    events: events === undefined ? null : eventsDoor(tenant, events, door.exchange, parts),
    approvals: { gateway, exchange: door.exchange, approvals: approvals ?? null },
    jwks: () => keys.jwks(tenant),
    protectedResource: protectedResourceMetadata(place),
    authorizationServer: authorizationServerMetadata(place),
  };
}

export function mcpDoor(
  tenant: string,
  { url, gateway, log }: Pick<DoorParts, "url" | "gateway" | "log">,
): TenantDoor["mcp"] {
  return mcpSurface({
    allowedOrigins: [new URL(url).origin],
    ports: {
      callTool: (caller, { tool, args, idempotencyKey, usage, waitMs, cancelled }) =>
        callTool(gateway, caller, {
          ...{ tool, arguments: args, idempotencyKey, cancelled },
          ...(usage !== null && { usage }),
          ...(waitMs !== null && { waitMs }),
        }),
      listTools: (caller) => listedTools(gateway, caller, null),
      findTools: (caller, task, most) => listedTools(gateway, caller, { task, most }),
      outputSchema: (_caller, tool) =>
        gateway.bundles.active(tenant)?.tool(tool)?.outputSchema ?? null,
      fault: () => log({ event: "mcp.failed", tenant }),
    },
  });
}

function eventsDoor(
  tenant: string,
  { lockMinutes, ...transmitter }: NonNullable<TenantConfig["events"]>,
  { idp, pseudonymKey }: IdentityDoor["exchange"],
  { clock, locks, directory, log }: DoorParts,
): TenantDoor["events"] {
  const now = (): number => clock.now();
  const lockMs = lockMinutes * 60_000;
  return {
    transmitter,
    keys: discoverKeys(transmitter),
    idpIssuer: idp.issuer,
    pseudonymKey,
    now,
    receive: securityEvents({ tenant, lockMs, locks, directory, now, log }),
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
