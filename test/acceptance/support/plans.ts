import type { ConnectorPlan } from "../host.ts";
import type { Lab } from "./lab.ts";
import type { Wire } from "./wire.ts";

/** What the laboratory's connectors may reach. */

export function doomed(lab: Lab): ConnectorPlan {
  return {
    name: "doomed",
    tenant: "acme",
    network: "acme",
    tier: "public",
    destinations: {
      doomed: {
        kind: "http",
        origin: lab.origin,
        methods: ["GET", "POST"],
        paths: ["/gate/{key}", "/keyed/{key}"],
      },
    },
  };
}

export function wired(lab: Lab, { url }: Wire): ConnectorPlan {
  return {
    name: "wired",
    tenant: "acme",
    network: "wire",
    tier: "internal",
    gatewayUrl: url,
    destinations: {
      wired: {
        kind: "http",
        origin: lab.origin,
        methods: ["GET", "POST"],
        paths: ["/note", "/status/{code}"],
      },
    },
  };
}

/** This one is dialled by the gateway. */
export function starter({ origin }: Lab, listen: string): ConnectorPlan {
  const service = { kind: "http", origin, methods: ["GET"], paths: [] };
  return {
    name: "starter",
    listen,
    tenant: "starter",
    network: "corp",
    tier: "internal",
    destinations: {
      directory: { ...service, paths: ["/people"] },
      inbox: { ...service, paths: ["/messages"] },
      mail: { ...service, methods: ["POST"], paths: ["/messages"] },
    },
  };
}
