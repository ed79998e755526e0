import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { APPROVALS_CLIENT_ID } from "../../../examples/acme/idp/client.ts";
import { personOf } from "../../../examples/acme/idp/people.ts";
import { signIn } from "../../../examples/acme/idp/sign-in.ts";
import { type ConnectorPlan, type Host, hostOfThisRun, type Network } from "../host.ts";
import { bundleFolder, starterFolder } from "./bundle-folder.ts";
import { Contract } from "./contract.ts";
import { holdTo, send } from "./http.ts";
import { Agent, keyPair } from "./keys.ts";
import { Lab } from "./lab.ts";
import { doomed, starter, wired } from "./plans.ts";
import { freePort, ROOT, Running } from "./process.ts";
import { EVENTS_AUDIENCE, Provider } from "./provider.ts";
import { EMBEDDING_TOKEN, queried, similar } from "./queried.ts";
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
  /** A team that runs `examples/starter` as it is; only where `everything` is up. */
  readonly starter: Tenant;
  readonly assistant: Agent;
  /** Signs anything: the provider of globex and, in the laboratory, of acme. */
  readonly provider: Provider;
  readonly agent: Agent;
  /** The same agent with its other key, of the other algorithm. */
  readonly agentES256: Agent;
  /** May be given a seat by the agent, and give one. */
  readonly helper: Agent;
  /** The agent that the tool `lab_ask` is. */
  readonly worker: Agent;
  /** Globex's agent of the same name. */
  readonly stranger: Agent;
  readonly bundle: string;
  /** Prints an ID token of dana at acme. */
  readonly signInCommand: readonly string[];
  /** Between the gateway and the connector of network `wire`; in a wired laboratory, and its only one. */
  readonly wire: Wire;
  /** Where tickets leaks its last request; null in the laboratory. */
  readonly leak: string | null;
  readonly services: ReadonlyMap<string, Running>;
}

export interface WorldOptions {
  /** Somebody sits between the gateway and the connector of the laboratory, too. */
  readonly wired?: boolean;
  /** In the laboratory, people of acme sign in at a provider of their own, as they do with everything. */
  readonly apart?: boolean;
  /** Folders laid over the bundle of acme, the last one on top. */
  readonly overlays?: readonly string[];
  /** Beside the laboratory's own. */
  readonly connectors?: (
    lab: Lab,
    gatewayUrl: string,
  ) => readonly ConnectorPlan[] | Promise<readonly ConnectorPlan[]>;
  /** Of the laboratory's own connector, beside its own. */
  readonly destinations?: ConnectorPlan["destinations"];
  /** Name servers that the laboratory's own connector asks. */
  readonly resolvers?: readonly string[];
}

export async function startWorld(
  scale: Scale,
  host: Host = hostOfThisRun(),
  {
    wired: tapped = false,
    apart = false,
    overlays = [],
    connectors = () => [],
    destinations = {},
    resolvers = [],
  }: WorldOptions = {},
): Promise<World> {
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
  const [helper, worker] = [await Agent.create("helper-agent"), await Agent.create("worker-agent")];
  const own = {
    "support-agent": keys,
    "helper-agent": [helper.assertionKey],
    "worker-agent": [worker.assertionKey],
  };
  const bundle = bundleFolder(join(folder, "bundle"), own, overlays);
  const foreign = bundleFolder(join(folder, "bundle-globex"), {
    "support-agent": [stranger.assertionKey],
    "helper-agent": [(await Agent.create("helper-agent")).assertionKey],
    "worker-agent": [(await Agent.create("worker-agent")).assertionKey],
  });
  const assistant = await Agent.create("assistant");
  const starterBundle = starterFolder(join(folder, "bundle-starter"), {
    assistant: [assistant.assertionKey],
    researcher: [],
  });
  const [lab, provider] = await Promise.all([Lab.start(), Provider.start()]);
  const leak = scale === "everything" ? join(folder, "leaked-request.json") : null;
  const home = apart ? await Provider.start() : provider;
  const issuer = scale === "everything" ? await realProvider(services) : home.issuer;
  const idp = { audience: "postern", algorithms: ["ES256"] };
  const approvals = { audience: APPROVALS_CLIENT_ID };
  // At acme another one than who signs people in; at globex the same, with the same key.
  const events = {
    issuer: provider.issuer,
    audience: EVENTS_AUDIENCE,
    algorithms: ["ES256"],
  };
  const listen = `127.0.0.1:${await freePort()}`;
  let wire: Wire | null = null;
  const network: Network = {
    folder,
    tenants: {
      acme: { idp: { issuer, ...idp }, approvals, events, bundle },
      globex: { idp: { issuer: provider.issuer, ...idp }, approvals, events, bundle: foreign },
      ...(scale === "everything" && {
        starter: {
          idp: { issuer: provider.issuer, ...idp },
          approvals,
          listening: [`http://${listen}`],
          bundle: starterBundle,
        },
      }),
    },
    connectors: async (gatewayUrl) => {
      if (scale === "laboratory") {
        const plain = internal(lab, null, gatewayUrl);
        const own = {
          ...{ ...plain, resolvers },
          destinations: { ...plain.destinations, ...destinations },
        };
        const others = await connectors(lab, gatewayUrl);
        if (!tapped) return [own, ...others];
        wire = await Wire.start(gatewayUrl);
        return [{ ...own, gatewayUrl: wire.url }, ...others];
      }
      const [origin, indexed, database] = await Promise.all([
        tickets(services, gatewayUrl, leak),
        documents(services, gatewayUrl),
        billing(services, folder),
      ]);
      const inside = internal(lab, origin, gatewayUrl);
      const library = similar(database, lab);
      wire = await Wire.start(gatewayUrl);
      return [
        {
          ...inside,
          destinations: { ...inside.destinations, documents: indexed, library },
          env: { BILLING_PASSWORD, EMBEDDING_TOKEN },
        },
        doomed(lab),
        wired(lab, wire),
        confidential(database),
        starter(lab, listen),
      ];
    },
  };
  const byHand = (login: string): Promise<string> => provider.idToken(login);
  const approverByHand = (login: string, nonce: string): Promise<string> =>
    provider.approverToken(login, nonce);
  // Who is what at Acme, also where its own provider is not up.
  const inGroups = (login: string): object => {
    const person = personOf(login);
    return person === undefined ? {} : { groups: person.groups };
  };
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
        (login) =>
          scale === "everything"
            ? signIn(issuer, login)
            : home.idToken(login, { ...inGroups(login) }),
        (login, nonce) =>
          scale === "everything"
            ? signIn(issuer, login, nonce)
            : home.approverToken(login, nonce, { ...inGroups(login) }),
      ),
      globex: new Tenant(gateway, "globex", byHand, approverByHand),
      starter: new Tenant(
        gateway,
        "starter",
        (login) => provider.idToken(login, { groups: [GROUPS[login] ?? "nobody"] }),
        (login, nonce) =>
          provider.approverToken(login, nonce, { groups: [GROUPS[login] ?? "nobody"] }),
      ),
      assistant,
      provider,
      agent,
      agentES256,
      helper,
      worker,
      stranger,
      bundle,
      get wire() {
        if (wire === null) throw new Error("nobody was asked to sit on a wire");
        return wire;
      },
      signInCommand:
        scale === "everything"
          ? example("idp/sign-in.ts", issuer, "dana")
          : home.signInCommand("dana"),
      leak,
      services,
      async [Symbol.asyncDispose]() {
        holdTo(null);
        await host.stop();
        await wire?.stop();
        await end(services, lab, [provider, home], folder);
      },
    };
  } catch (error) {
    for (const process of host.processes.values()) await process.kill();
    await end(services, lab, [provider, home], folder);
    throw error;
  }
}

async function end(
  services: Map<string, Running>,
  lab: Lab,
  providers: readonly Provider[],
  folder: string,
): Promise<void> {
  for (const service of services.values()) await service.kill();
  await Promise.all([lab.stop(), ...[...new Set(providers)].map((one) => one.stop())]);
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

/** Acme's library, as a destination. */
async function documents(services: Map<string, Running>, gatewayUrl: string): Promise<object> {
  const argv = example("documents/server.ts", "--issuer", `${gatewayUrl}/acme`);
  const { origin } = await serve(services, "documents", argv);
  return { kind: "http", origin, methods: ["POST"], paths: ["/search"] };
}

function internal(lab: Lab, ticketsOrigin: string | null, gatewayUrl: string): ConnectorPlan {
  const paths = [
    "/note",
    "/hang",
    "/cut",
    "/status/{code}",
    "/huge/{form}",
    "/script/{key}",
    "/gate/{key}",
    "/document/{key}",
    "/untagged/{key}",
  ];
  return {
    name: "internal",
    tenant: "acme",
    network: "acme",
    tier: "internal",
    destinations: {
      lab: {
        kind: "http",
        origin: lab.origin,
        methods: ["GET", "POST", "PATCH"],
        paths,
        // As many as a session carries: some cases fill it, and some want 64 at the service at once.
        concurrency: 96,
        queue: 448,
      },
      // The discard port: nobody listens there.
      closed: {
        kind: "http",
        origin: "http://127.0.0.1:9",
        methods: ["GET", "POST"],
        paths: ["/note"],
      },
      policy: {
        kind: "http",
        origin: gatewayUrl,
        methods: ["POST"],
        paths: ["/acme/access/v1/evaluation"],
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

/** Who is what at the team with the starter bundle. */
const GROUPS: { readonly [login: string]: string } = { sam: "staff", rhea: "reviewers" };

const BILLING_PASSWORD = "not-checked-by-pglite";

async function billing(services: Map<string, Running>, folder: string): Promise<object> {
  const socket = join(folder, "pg");
  mkdirSync(socket, { mode: 0o700 });
  const facts = await serve(
    services,
    "billing",
    example("billing/server.ts", "--socket-dir", socket),
  );
  return {
    kind: "postgres",
    host: facts["host"],
    port: facts["port"],
    database: facts["database"],
    user: facts["user"],
    password: { env: "BILLING_PASSWORD" },
    statements: "any",
  };
}

function confidential(database: object): ConnectorPlan {
  return {
    name: "confidential",
    tenant: "acme",
    network: "acme",
    tier: "confidential",
    destinations: {
      billing: { ...database, role: "support_reader" },
      refunds: { ...database, role: "refund_clerk" },
      ...queried(database),
    },
    env: { BILLING_PASSWORD },
  };
}
