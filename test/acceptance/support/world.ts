import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signIn } from "../../../examples/acme/idp/sign-in.ts";
import { type ConnectorPlan, type Host, hostOfThisRun, type Network } from "../host.ts";
import { bundleFolder } from "./bundle-folder.ts";
import { Contract } from "./contract.ts";
import { holdTo, send } from "./http.ts";
import { Agent, keyPair } from "./keys.ts";
import { Lab } from "./lab.ts";
import { ROOT, Running } from "./process.ts";
import { Provider } from "./provider.ts";
import { Tenant } from "./tenant.ts";
import { Wire } from "./wire.ts";

/**
 * `laboratory`: one hostile HTTP service and an identity provider by hand; light enough to be killed
 * a thousand times. `everything`: Acme as well, with Postgres, tickets and a real OpenID provider.
 */
export type Scale = "laboratory" | "everything";

/** The system under test with everything around it. */
export interface World extends AsyncDisposable {
  readonly host: Host;
  readonly folder: string;
  readonly lab: Lab;
  readonly contract: Contract;
  readonly acme: Tenant;
  /** The other tenant: its own provider, agents and keys, the same names. */
  readonly globex: Tenant;
  /** Signs anything: the provider of globex and, in the laboratory, of acme. */
  readonly provider: Provider;
  readonly agent: Agent;
  /** The same agent with its other key, of the other algorithm. */
  readonly agentES256: Agent;
  /** Globex's agent of the same name. */
  readonly stranger: Agent;
  readonly bundle: string;
  /** Prints an ID token of dana at acme; empty in the laboratory. */
  readonly signInCommand: readonly string[];
  /** Between the gateway and the connector of network `wire`. */
  readonly wire: Wire;
  /** Where tickets leaks its last request; null in the laboratory. */
  readonly leak: string | null;
  readonly services: ReadonlyMap<string, Running>;
}

export async function startWorld(scale: Scale, host: Host = hostOfThisRun()): Promise<World> {
  // Short: a Unix socket's path has room for about a hundred characters.
  const folder = mkdtempSync(join(tmpdir(), "postern-"));
  const services = new Map<string, Running>();
  const agent = await Agent.create("support-agent");
  const agentES256 = new Agent(
    agent.id,
    await keyPair("ES256", "support-agent-ES256"),
    agent.proofKey,
  );
  const stranger = await Agent.create("support-agent");
  const keys = [agent.assertionKey, agentES256.assertionKey];
  const bundle = bundleFolder(join(folder, "bundle"), { "support-agent": keys });
  const foreign = bundleFolder(join(folder, "bundle-globex"), {
    "support-agent": [stranger.assertionKey],
  });
  const [lab, provider] = await Promise.all([Lab.start(), Provider.start()]);
  const leak = scale === "everything" ? join(folder, "leaked-request.json") : null;
  const issuer = scale === "everything" ? await realProvider(services) : provider.issuer;
  const idp = { audience: "postern", algorithms: ["ES256"] };
  let wire: Wire | null = null;
  const network: Network = {
    folder,
    tenants: {
      acme: { idp: { issuer, ...idp }, bundle },
      globex: { idp: { issuer: provider.issuer, ...idp }, bundle: foreign },
    },
    connectors: async (gatewayUrl) => {
      if (scale === "laboratory") return [internal(lab, null)];
      const [origin, billing] = await Promise.all([
        tickets(services, gatewayUrl, leak),
        confidential(services, folder),
      ]);
      wire = await Wire.start(gatewayUrl);
      return [internal(lab, origin), doomed(lab), wired(lab, wire), billing];
    },
  };
  const byHand = (login: string): Promise<string> => provider.idToken(login);
  try {
    await host.start(network);
    const { gateway } = host.urls;
    const { body } = await send(`${gateway}/openapi.json`);
    const contract = new Contract(gateway, body);
    holdTo(contract);
    return {
      host,
      folder,
      lab,
      contract,
      acme: new Tenant(
        gateway,
        "acme",
        scale === "everything" ? (login) => signIn(issuer, login) : byHand,
      ),
      globex: new Tenant(gateway, "globex", byHand),
      provider,
      agent,
      agentES256,
      stranger,
      bundle,
      get wire() {
        if (wire === null) throw new Error("the laboratory has no wire");
        return wire;
      },
      signInCommand: scale === "everything" ? example("idp/sign-in.ts", issuer, "dana") : [],
      leak,
      services,
      async [Symbol.asyncDispose]() {
        holdTo(null);
        await host.stop();
        await wire?.stop();
        await end(services, lab, provider, folder);
      },
    };
  } catch (error) {
    for (const process of host.processes.values()) await process.kill();
    await end(services, lab, provider, folder);
    throw error;
  }
}

async function end(
  services: Map<string, Running>,
  lab: Lab,
  provider: Provider,
  folder: string,
): Promise<void> {
  for (const service of services.values()) await service.kill();
  await Promise.all([lab.stop(), provider.stop()]);
  rmSync(folder, { recursive: true, force: true });
}

function example(script: string, ...args: readonly string[]): string[] {
  return [process.execPath, join(ROOT, "examples/acme", script), ...args];
}

function serve(
  services: Map<string, Running>,
  name: string,
  argv: readonly string[],
): Promise<{ readonly [name: string]: unknown }> {
  const service = new Running(name, argv);
  services.set(name, service);
  return service.ready();
}

async function realProvider(services: Map<string, Running>): Promise<string> {
  const { issuer } = await serve(services, "idp", example("idp/server.ts"));
  return String(issuer);
}

async function tickets(
  services: Map<string, Running>,
  gatewayUrl: string,
  leak: string | null,
): Promise<string> {
  const issuer = `${gatewayUrl}/acme`;
  const leaking = leak === null ? [] : ["--debug-request", leak];
  const argv = example("tickets/server.ts", "--issuer", issuer, "--tenant", "acme", ...leaking);
  const { origin } = await serve(services, "tickets", argv);
  return String(origin);
}

function internal(lab: Lab, ticketsOrigin: string | null): ConnectorPlan {
  const paths = [
    "/note",
    "/hang",
    "/cut",
    "/status/{code}",
    "/huge/{form}",
    "/script/{key}",
    "/gate/{key}",
  ];
  return {
    name: "internal",
    tenant: "acme",
    network: "acme",
    tier: "internal",
    destinations: {
      lab: { kind: "http", origin: lab.origin, methods: ["GET", "POST"], paths },
      // The discard port: nobody listens there.
      closed: {
        kind: "http",
        origin: "http://127.0.0.1:9",
        methods: ["GET", "POST"],
        paths: ["/note"],
      },
      ...(ticketsOrigin !== null && {
        tickets: {
          kind: "http",
          origin: ticketsOrigin,
          methods: ["GET", "POST", "PATCH"],
          paths: ["/tickets", "/tickets/{id}"],
        },
      }),
    },
  };
}

function doomed(lab: Lab): ConnectorPlan {
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
        paths: ["/gate/{key}"],
      },
    },
  };
}

function wired(lab: Lab, { url }: Wire): ConnectorPlan {
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

async function confidential(
  services: Map<string, Running>,
  folder: string,
): Promise<ConnectorPlan> {
  const socket = join(folder, "pg");
  mkdirSync(socket, { mode: 0o700 });
  const facts = await serve(
    services,
    "billing",
    example("billing/server.ts", "--socket-dir", socket),
  );
  return {
    name: "confidential",
    tenant: "acme",
    network: "acme",
    tier: "confidential",
    destinations: {
      billing: {
        kind: "postgres",
        host: facts["host"],
        port: facts["port"],
        database: facts["database"],
        user: facts["user"],
        password: { env: "BILLING_PASSWORD" },
        role: "support_reader",
        statements: "any",
      },
    },
    env: { BILLING_PASSWORD: "not-checked-by-pglite" },
  };
}
