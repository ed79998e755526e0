import { randomBytes } from "node:crypto";
import { createCredentialContext } from "../../identity/credential.ts";
import { createProofMemory } from "../../identity/dpop.ts";
import { issuerOf, resourceOf } from "../../identity/metadata.ts";
import { SpentProofs } from "../../identity/spent.ts";
import { MemorySpentStore } from "../../sdk/spent.ts";
import type { WorkflowDoor } from "../../surfaces/rest/app.ts";
import { authenticate, type RequestDoor } from "../../surfaces/rest/door.ts";
import { mcpDoor } from "../node/doors.ts";
import { log } from "./log.ts";
import type { SessionHost } from "./session-host.ts";

const NOBODY = { byKid: new Map(), only: null };

/** What one workflow shows to its agents. All their proofs come here, so here they are remembered. */
export function sessionDoor(host: SessionHost, url: string): WorkflowDoor {
  const { tenant, gateway, lease } = host;
  const place = { publicUrl: url, tenant };
  const issuer = issuerOf(place);
  const credentials = createCredentialContext({
    ...{ tenant, issuer, resource: resourceOf(place) },
    ring: () => lease.keys?.credentials ?? NOBODY,
  });
  const door: RequestDoor = {
    ...{ gateway, place },
    elsewhere: () => null,
    exchange: {
      credentials,
      // What was used before this object was started, nobody here remembers.
      proofs: createProofMemory(
        host.fresh ? 0 : Math.max(gateway.system.now(), host.latest),
        randomBytes(16).toString("base64url"),
        new SpentProofs(),
      ),
    },
  };
  return {
    // This object is one workflow's, and so is its thread.
    turn: () => true,
    authenticate: (request) => authenticate(door, request),
    mcp: mcpDoor(tenant, { url, gateway, log }),
    ownTokens: {
      ...{ tenant, issuer, spent: new MemorySpentStore() },
      keys: {
        ringFor: async (kid, now) => (await lease.keys?.callTokens.ringFor(kid, now)) ?? null,
      },
    },
  };
}
