import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child, type ChildOptions } from "../child.ts";
import { billingAddress, billingPassword } from "./billing-address.ts";
import { freePort } from "./ports.ts";
import { POSTERN, postern } from "./postern.ts";
import { writeGatewayConfig, writeProfiles } from "./settings.ts";
import { fill, type Workspace } from "./workspace.ts";

/** Where people look first; another port where something else is there already. */
const PREFERRED_PORT = {
  gateway: 8_787,
  idp: 8_788,
  tickets: 8_789,
  deploys: 8_790,
  documents: 8_791,
} as const;
const TENANT = "acme";
const HERE = join(import.meta.dirname, "..");

/** Where a connector stands, and what it may reach there. */
const CONNECTORS = {
  billing: { network: "acme", tier: "confidential", template: "billing" },
  // The same once more: one of the two may die.
  "billing-2": { network: "acme", tier: "confidential", template: "billing" },
  critical: { network: "acme", tier: "critical", template: "critical" },
  documents: { network: "acme", tier: "internal", template: "documents" },
  tickets: { network: "office", tier: "internal", template: "tickets" },
} as const;
const CONNECTOR_NAMES = Object.keys(CONNECTORS);

/** Every process of the demo. Acme's own, the gateway, and a connector for each network and tier. */
export class Network {
  readonly #workspace: Workspace;
  readonly #anyPort: boolean;
  readonly #progress: (line: string) => void;
  readonly #children: Child[] = [];
  /** Where the gateway answers. */
  url = "";
  issuer = "";
  ticketsOrigin = "";
  /** The database knows vectors. */
  vectors = false;

  /** `anyPort`: where nobody has to find it, so that many demos can run side by side. */
  constructor(workspace: Workspace, anyPort: boolean, progress: (line: string) => void) {
    this.#workspace = workspace;
    this.#anyPort = anyPort;
    this.#progress = progress;
  }

  async start(): Promise<void> {
    const workspace = this.#workspace;
    workspace.prepareBundles();
    const ports = await this.#ports();
    this.url = `http://127.0.0.1:${ports.gateway}`;
    this.issuer = `http://127.0.0.1:${ports.idp}`;
    this.ticketsOrigin = `http://127.0.0.1:${ports.tickets}`;
    const addresses = { tenant: TENANT, gateway: this.url, issuer: this.issuer };
    if (!writeGatewayConfig(workspace, addresses)) workspace.forgetConnectors(CONNECTOR_NAMES);
    writeProfiles(workspace, addresses);

    const deploysOrigin = `http://127.0.0.1:${ports.deploys}`;
    const trust = ["--issuer", `${this.url}/${TENANT}`, "--tenant", TENANT];
    const [billing] = await this.#together([
      this.#acme("billing", ["--socket-dir", workspace.acme("billing-socket")]),
      this.#acme("idp", ["--port", String(ports.idp)]),
      this.#acme("tickets", [
        ...["--port", String(ports.tickets), "--database", workspace.acme("tickets.db")],
        ...trust,
        ...["--debug-request", workspace.leak],
      ]),
      this.#acme("deploys", ["--port", String(ports.deploys), ...trust]),
      this.#acme("documents", ["--port", String(ports.documents), ...trust]),
      this.#gateway(),
    ]);
    this.vectors = billing?.facts["vectors"] === true;
    const address = billingAddress(billing?.facts ?? {}, process.env["ACME_PG_URL"]);
    await this.#together([
      this.#connector("billing", { ...address }),
      this.#connector("billing-2", { ...address }),
      this.#connector("tickets", {
        ticketsOrigin: this.ticketsOrigin,
        gatewayOrigin: this.url,
        node: process.execPath,
        rotaServer: join(HERE, "rota", "server.ts"),
      }),
      this.#connector("documents", {
        ...address,
        documentsOrigin: `http://127.0.0.1:${ports.documents}`,
      }),
      this.#connector("critical", { ...address, deploysOrigin }),
    ]);
  }

  /** Last started, first stopped: nobody loses the other end of what is still going on. */
  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) await child.stop();
  }

  /** Resolves with the name of the first process that ends without being told to. */
  async firstLoss(): Promise<string> {
    return Promise.race(this.#children.map((child) => child.ended().then(() => child.name)));
  }

  /** Gone without a goodbye, as in a power cut; nobody is to be told of it as of an accident. */
  async lose(name: string): Promise<void> {
    const at = this.#children.findIndex((one) => one.name === name);
    const [child] = at < 0 ? [] : this.#children.splice(at, 1);
    child?.kill();
    await child?.ended();
  }

  #acme(
    name: "idp" | "billing" | "tickets" | "deploys" | "documents",
    args: readonly string[],
  ): Promise<Child> {
    const log = this.#workspace.log(name);
    return this.#start({ name, args: [join(HERE, name, "server.ts"), ...args], log });
  }

  async #ports(): Promise<{ readonly [name in keyof typeof PREFERRED_PORT]: number }> {
    const choose = (preferred: number): Promise<number> => freePort(this.#anyPort ? 0 : preferred);
    // One after the other: two at once could be offered the same free port.
    const gateway = await choose(PREFERRED_PORT.gateway);
    const idp = await choose(PREFERRED_PORT.idp);
    const tickets = await choose(PREFERRED_PORT.tickets);
    const deploys = await choose(PREFERRED_PORT.deploys);
    const documents = await choose(PREFERRED_PORT.documents);
    return { gateway, idp, tickets, deploys, documents };
  }

  #gateway(): Promise<Child> {
    const { config, bundle } = this.#workspace;
    return this.#start({
      name: "gateway",
      args: [POSTERN, "gateway", "run", "--config", config, "--bundle", bundle],
      log: this.#workspace.log("gateway"),
    });
  }

  async #connector(
    name: keyof typeof CONNECTORS,
    values: { readonly [name: string]: string | number | boolean },
  ): Promise<Child> {
    const workspace = this.#workspace;
    const { network, tier, template: form } = CONNECTORS[name];
    const template = readFileSync(join(HERE, "connectors", `${form}.jsonc`), "utf8");
    const file = workspace.connector(name);
    writeFileSync(file, fill(template, { ...values, stateDir: workspace.connectorState(name) }));
    // A code that is not needed, because the connector is enrolled already, is not used.
    const code = await this.#joinCode(network, tier);
    return this.#start({
      name: `connector ${name}`,
      args: [
        ...[POSTERN, "connector", "run", "--config", file],
        ...["--gateway", this.url, "--join", code],
      ],
      log: workspace.log(`connector-${name}`),
      env: { ACME_BILLING_PASSWORD: billingPassword(process.env["ACME_PG_URL"]) },
    });
  }

  async #joinCode(network: string, tier: string): Promise<string> {
    const scope = ["--network", network, "--tier", tier, "--data", this.#workspace.data];
    const { code } = (await postern(["connector", "enroll", ...scope])) as { code: string };
    return code;
  }

  /** All of them, or the first failure once the others have come up or given up, too. */
  async #together(starting: readonly Promise<Child>[]): Promise<readonly Child[]> {
    await Promise.allSettled(starting);
    return Promise.all(starting);
  }

  async #start(options: ChildOptions): Promise<Child> {
    const started = performance.now();
    const child = await Child.start(options);
    this.#children.push(child);
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    this.#progress(`${child.name} is up after ${seconds} s`);
    return child;
  }
}
