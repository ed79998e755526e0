import { nodeHost } from "./support/node-host.ts";
import type { Ended, Running } from "./support/process.ts";
import type { StoredEvent } from "./support/workflow.ts";

/** Everything a host has to bring up. Nothing here says how. */
export interface Network {
  /** Working folder of this run; the host may keep what it likes in it. */
  readonly folder: string;
  readonly tenants: {
    readonly [name: string]: {
      readonly idp: {
        readonly issuer: string;
        readonly audience: string;
        readonly algorithms: readonly string[];
      };
      /** The client at the same provider with which humans sign in to decide. */
      readonly approvals?: { readonly audience: string };
      /** Who sends Security Event Tokens. */
      readonly events?: {
        readonly issuer: string;
        readonly audience: string;
        readonly algorithms: readonly string[];
      };
      /** Origins at which connectors of this tenant wait to be dialled. */
      readonly listening?: readonly string[];
      /** Bundle folder to activate. */
      readonly bundle: string;
    };
  };
  /** Asked once the gateway has an address: services that verify call tokens need it, too. */
  connectors(gatewayUrl: string): Promise<readonly ConnectorPlan[]>;
}

export interface ConnectorPlan {
  readonly name: string;
  readonly tenant: string;
  readonly network: string;
  readonly tier: string;
  /** `destinations` of the connector's own file. */
  readonly destinations: { readonly [id: string]: object };
  /** Name servers that it asks; none: the system's. */
  readonly resolvers?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** `HOST:PORT` at which it waits for the gateway, instead of dialling it. */
  readonly listen?: string;
  /** Dialled instead of the gateway's own address: somebody stands in between. */
  readonly gatewayUrl?: string;
}

/**
 * One way to run Postern. The suite sees nothing else of it, so a second host needs only this; choose
 * it with POSTERN_ACCEPTANCE_HOST.
 */
export interface Host {
  /** The gateway first, then the connectors, dialling out or listening. */
  start(network: Network): Promise<void>;
  readonly urls: { readonly gateway: string };
  /** A clean stop of everything. */
  stop(): Promise<void>;
  /** Ends the gateway or one connector at once: no goodbye, no flush. */
  kill(part: string): Promise<void>;
  /** Brings a killed part back on the data it had. */
  restart(part: string): Promise<void>;
  activate(tenant: string, bundle: string): Promise<Ended>;
  /** `postern lock …`. */
  lock(...args: readonly string[]): Promise<Ended>;
  /** `postern key …`. */
  key(...args: readonly string[]): Promise<Ended>;
  /** `postern workflow events` of acme. */
  events(workflow: string): Promise<Ended>;
  /** `postern tool …`. */
  tool(...args: readonly string[]): Promise<Ended>;
  /** `postern trust …`. */
  trust(...args: readonly string[]): Promise<Ended>;
  /** What a tenant's own stream holds: what belongs to no workflow. */
  record(tenant: string): Promise<readonly StoredEvent[]>;
  /** The connectors whose session the gateway does not have now, dead or alive. */
  away(): Promise<readonly string[]>;
  /** `postern connector …`. */
  connector(...args: readonly string[]): Promise<Ended>;
  /** A one-time code for one more connector. */
  joinCode(scope: { tenant: string; network: string; tier: string }): Promise<string>;
  /** Tries to run a connector that nobody planned; the caller ends it. */
  dial(plan: ConnectorPlan, join: string): Running;
  /** Runs a copy of one connector, key and all, beside it; the caller ends it. */
  impersonate(name: string): Running;
  /** Gateway and connectors, by name. */
  readonly processes: ReadonlyMap<string, Running>;
  /** Those and their predecessors: what any of them ever wrote. */
  readonly history: readonly Running[];
  /** Folders in which the host and its connectors keep what they store. */
  readonly folders: readonly string[];
}

export function hostOfThisRun(): Host {
  const wanted = process.env["POSTERN_ACCEPTANCE_HOST"] ?? "node";
  const make = HOSTS[wanted];
  if (make === undefined) {
    throw new Error(
      `POSTERN_ACCEPTANCE_HOST=${wanted}: choose one of ${Object.keys(HOSTS).join(", ")}`,
    );
  }
  return make();
}

const HOSTS: { readonly [name: string]: (() => Host) | undefined } = { node: nodeHost };
