import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectorPlan, Host, Network } from "../host.ts";
import { connectorCommand, connectorsAway } from "./connector-process.ts";
import { type Ended, freePort, postern, run, Running } from "./process.ts";
import type { StoredEvent } from "./workflow.ts";

export interface NodeHost extends Host {
  readonly kind: "node";
  readonly dataDir: string;
  readonly gateway: Running;
  /** `postern …` with this host's data folder. */
  command(...args: readonly string[]): Promise<Ended>;
  /** A second gateway on the same data folder: must not start. */
  intruder(): Running;
}

export function isNodeHost(host: Host): host is NodeHost {
  return "kind" in host && host.kind === "node";
}

export interface NodeHostOptions {
  /** Goes before every command that uses the data folder: another view of the disk. */
  readonly wrap?: readonly string[];
  /** Goes before the gateway only: a tracer that lets it keep its process id. */
  readonly tracer?: readonly string[];
  readonly dataDir?: string;
  /** A script in the place of `postern`, for the gateway only: composed with another port. */
  readonly entry?: string;
}

/** The Node host as real processes: one gateway, one process for each connector. */
export function nodeHost(options: NodeHostOptions = {}): NodeHost {
  return new Processes(options);
}

class Processes implements NodeHost {
  readonly kind = "node";
  readonly processes = new Map<string, Running>();
  readonly history: Running[] = [];
  readonly #options: NodeHostOptions;
  readonly #plans = new Map<string, ConnectorPlan>();
  #network: Network | null = null;
  #url = "";

  constructor(options: NodeHostOptions) {
    this.#options = options;
  }

  get urls(): { readonly gateway: string } {
    return { gateway: this.#url };
  }

  get gateway(): Running {
    const gateway = this.processes.get("gateway");
    if (gateway === undefined) throw new Error("the gateway was not started");
    return gateway;
  }

  get dataDir(): string {
    return this.#options.dataDir ?? join(this.#folder, "data");
  }

  get folders(): readonly string[] {
    return [this.dataDir, ...[...this.#plans.keys()].map((name) => this.#connectorFolder(name))];
  }

  async start(network: Network): Promise<void> {
    this.#network = network;
    await this.#startGateway(await freePort());
    const tenants = Object.entries(network.tenants);
    const [plans] = await Promise.all([
      network.connectors(this.#url),
      ...tenants.map(([tenant, { bundle }]) => this.#activateFirst(tenant, bundle)),
    ]);
    await Promise.all(plans.map((plan) => this.#enrol(plan)));
  }

  async stop(): Promise<void> {
    const order = [...this.processes.values()].reverse();
    for (const process of order) await process.stop();
  }

  async kill(part: string): Promise<void> {
    await this.processes.get(part)?.kill();
  }

  async restart(part: string): Promise<void> {
    const plan = this.#plans.get(part);
    if (plan === undefined) await this.#startGateway(Number(new URL(this.#url).port));
    else await this.#startConnector(plan);
  }

  activate(tenant: string, bundle: string): Promise<Ended> {
    return this.command("bundle", "activate", bundle, "--tenant", tenant);
  }

  key(...args: readonly string[]): Promise<Ended> {
    return this.command("key", ...args);
  }

  lock(...args: readonly string[]): Promise<Ended> {
    return this.command("lock", ...args);
  }

  connector(...args: readonly string[]): Promise<Ended> {
    return this.command("connector", ...args);
  }

  events(workflow: string): Promise<Ended> {
    return this.command("workflow", "events", workflow, "--tenant", "acme");
  }

  tool(...args: readonly string[]): Promise<Ended> {
    return this.command("tool", ...args);
  }

  trust(...args: readonly string[]): Promise<Ended> {
    return this.command("trust", ...args);
  }

  async record(tenant: string): Promise<readonly StoredEvent[]> {
    const { stdout } = await this.command("workflow", "events", "tenant", "--tenant", tenant);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as StoredEvent);
  }

  away(): Promise<readonly string[]> {
    return connectorsAway(this.#plans.values(), this.processes, (...args) =>
      this.connector(...args),
    );
  }

  async joinCode({
    tenant,
    network,
    tier,
  }: {
    tenant: string;
    network: string;
    tier: string;
  }): Promise<string> {
    const scope = ["--tenant", tenant, "--network", network, "--tier", tier];
    const { code, stdout, stderr } = await this.command("connector", "enroll", ...scope);
    if (code !== 0) throw new Error(`no join code: ${stderr}`);
    return stdout.trim();
  }

  dial(plan: ConnectorPlan, join: string): Running {
    this.#plans.set(plan.name, plan);
    return this.#spawn(plan.name, this.#connectorCommand(plan, join), plan.env);
  }

  impersonate(name: string): Running {
    const twin = { ...this.#plan(name), name: `${name}-twin` };
    cpSync(
      join(this.#connectorFolder(name), "state"),
      join(this.#connectorFolder(twin.name), "state"),
      {
        recursive: true,
      },
    );
    return this.#spawn(twin.name, this.#connectorCommand(twin), twin.env);
  }

  command(...args: readonly string[]): Promise<Ended> {
    return run(this.#postern(...args), { POSTERN_DATA_DIR: this.dataDir });
  }

  intruder(): Running {
    return new Running(
      "intruder",
      this.#postern("gateway", "run", "--config", this.#configFile(0)),
    );
  }

  async #startGateway(port: number): Promise<void> {
    const { entry } = this.#options;
    const args = ["gateway", "run", "--config", this.#configFile(port)];
    const command =
      entry === undefined ? this.#postern(...args) : [process.execPath, entry, ...args];
    const gateway = this.#spawn("gateway", [...(this.#options.tracer ?? []), ...command]);
    const { url } = await gateway.ready();
    this.#url = String(url);
  }

  #spawn(name: string, argv: readonly string[], env?: NodeJS.ProcessEnv): Running {
    const running = new Running(name, argv, env);
    this.processes.set(name, running);
    this.history.push(running);
    return running;
  }

  #postern(...args: readonly string[]): string[] {
    return [...(this.#options.wrap ?? []), ...postern(...args)];
  }

  async #activateFirst(tenant: string, bundle: string): Promise<void> {
    const { code, stdout, stderr } = await this.activate(tenant, bundle);
    if (code !== 0) throw new Error(`the bundle of ${tenant} was refused:\n${stdout}${stderr}`);
  }

  /**
   * A restarted gateway must be found where it was: its address is its name in every token. So it
   * gets one that nobody takes while it is dead.
   */
  #configFile(port: number): string {
    const file = join(this.#folder, `postern-${port}.jsonc`);
    const tenants = Object.entries(this.#network?.tenants ?? {}).map(([name, tenant]) => [
      name,
      {
        idp: tenant.idp,
        ...(tenant.approvals && { approvals: tenant.approvals }),
        ...(tenant.events && { events: tenant.events }),
        ...(tenant.listening && { connectors: tenant.listening }),
      },
    ]);
    const config = {
      listen: { host: "127.0.0.1", port },
      dataDir: this.dataDir,
      tenants: Object.fromEntries(tenants) as object,
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  }

  async #enrol(plan: ConnectorPlan): Promise<void> {
    this.#plans.set(plan.name, plan);
    await this.#startConnector(plan, await this.joinCode(plan));
  }

  async #startConnector(plan: ConnectorPlan, join?: string): Promise<void> {
    await this.#spawn(plan.name, this.#connectorCommand(plan, join), plan.env).ready();
  }

  #connectorCommand(plan: ConnectorPlan, code?: string): string[] {
    const folder = this.#connectorFolder(plan.name);
    return connectorCommand(folder, plan, plan.gatewayUrl ?? this.#url, code);
  }

  #connectorFolder(name: string): string {
    return join(this.#folder, `connector-${name}`);
  }

  #plan(name: string): ConnectorPlan {
    const plan = this.#plans.get(name);
    if (plan === undefined) throw new Error(`no connector ${name}`);
    return plan;
  }

  get #folder(): string {
    if (this.#network === null) throw new Error("the host was not started");
    return this.#network.folder;
  }
}
