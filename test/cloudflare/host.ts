import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";
import type { ConnectorPlan, Host, Network } from "../acceptance/host.ts";
import { connectorCommand, connectorsAway } from "../acceptance/support/connector-process.ts";
import { type Ended, freePort, postern, run, Running } from "../acceptance/support/process.ts";
import type { StoredEvent } from "../acceptance/support/workflow.ts";
import { descendants } from "./descendants.ts";
import { devCommand, wranglerHome } from "./workers.ts";

/** The built Worker in workerd; connectors as real processes that listen, each behind a binding of its own. */
export function cloudflareHost(built: string): Host {
  return new Workerd(built);
}

class Workerd implements Host {
  readonly processes = new Map<string, Running>();
  readonly history: Running[] = [];
  readonly #built: string;
  readonly #plans = new Map<string, ConnectorPlan>();
  #network: Network | null = null;
  readonly #secret = randomBytes(16).toString("hex");
  #operator: Server | null = null;
  /** Runs it again on the storage it had. */
  #gateway: readonly string[] = [];
  #url = "";

  constructor(built: string) {
    this.#built = built;
  }

  get urls(): { readonly gateway: string } {
    return { gateway: this.#url };
  }

  get folders(): readonly string[] {
    return [...this.#plans.keys()].map((name) => this.#folderOf(name));
  }

  async start(network: Network): Promise<void> {
    this.#network = network;
    const port = await freePort();
    // Its address is its name in every token, so the configuration has it before anything runs.
    this.#url = `http://127.0.0.1:${port}`;
    for (const plan of await network.connectors(this.#url)) {
      const listen = plan.listen ?? `127.0.0.1:${await freePort()}`;
      this.#plans.set(plan.name, { ...plan, listen });
    }
    const { folder } = network;
    const plans = [...this.#plans.values()];
    this.#gateway = devCommand({
      ...{ built: this.#built, folder, port, network, plans, secret: this.#secret },
    });
    this.#runGateway();
    await this.#up();
    await this.#serveOperator();
    for (const [tenant, { bundle }] of Object.entries(network.tenants)) {
      const { code, stdout, stderr } = await this.activate(tenant, bundle);
      if (code !== 0) throw new Error(`the bundle of ${tenant} was refused:\n${stdout}${stderr}`);
    }
    await Promise.all([...this.#plans.values()].map((plan) => this.#enrol(plan)));
    await Promise.all([...this.#plans.keys()].map((name) => this.#connected(name)));
  }

  async stop(): Promise<void> {
    for (const process of [...this.processes.values()].reverse()) await process.stop();
    await new Promise((resolve) => this.#operator?.close(resolve) ?? resolve(null));
  }

  async kill(part: string): Promise<void> {
    const running = this.processes.get(part);
    if (running === undefined) return;
    // All at one moment: whoever is left must not tell anybody that the others have gone.
    const all = part === "gateway" ? [...descendants(running.pid)] : [];
    for (const pid of all) process.kill(pid, "SIGKILL");
    await running.kill();
  }

  async restart(part: string): Promise<void> {
    if (part !== "gateway") return this.#startConnector(this.#plan(part));
    this.#runGateway();
    await this.#up();
  }

  activate(tenant: string, bundle: string): Promise<Ended> {
    return this.#command("bundle", "activate", bundle, "--tenant", tenant);
  }

  key(...args: readonly string[]): Promise<Ended> {
    return this.#command("key", ...args);
  }

  lock(...args: readonly string[]): Promise<Ended> {
    return this.#command("lock", ...args);
  }

  connector(...args: readonly string[]): Promise<Ended> {
    return this.#command("connector", ...args);
  }

  events(workflow: string): Promise<Ended> {
    return this.#command("workflow", "events", workflow, "--tenant", "acme");
  }

  tool(...args: readonly string[]): Promise<Ended> {
    return this.#command("tool", ...args);
  }

  trust(...args: readonly string[]): Promise<Ended> {
    return this.#command("trust", ...args);
  }

  async record(tenant: string): Promise<readonly StoredEvent[]> {
    const { stdout } = await this.#command("workflow", "events", "tenant", "--tenant", tenant);
    const lines = stdout.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as StoredEvent);
  }

  away(): Promise<readonly string[]> {
    return connectorsAway(this.#plans.values(), this.processes, (...args) =>
      this.connector(...args),
    );
  }

  async joinCode({ tenant, network, tier }: Record<"tenant" | "network" | "tier", string>) {
    const scope = ["--tenant", tenant, "--network", network, "--tier", tier];
    const { code, stdout, stderr } = await this.connector("enroll", ...scope);
    if (code !== 0) throw new Error(`no join code: ${stderr}`);
    return stdout.trim();
  }

  dial(plan: ConnectorPlan, join: string): Running {
    this.#plans.set(plan.name, plan);
    return this.#spawn(plan, join);
  }

  impersonate(): Running {
    throw new Error("a connector that listens is dialled at one address only");
  }

  /** The command line finds it where it finds a gateway of this machine: in a data folder. */
  async #serveOperator(): Promise<void> {
    mkdirSync(this.#dataDir, { recursive: true, mode: 0o700 });
    const server = createServer((request, response) => {
      void (async () => {
        const { method = "GET", url = "/" } = request;
        const body = method === "GET" ? {} : { body: await textOf(request) };
        const headers = { "content-type": "application/json" };
        const secret = { "test-operator": this.#secret };
        const asked = { method, headers: { ...headers, ...secret }, ...body };
        const answer = await fetch(`${this.#url}${url}`, asked);
        response.writeHead(answer.status, headers).end(await answer.text());
      })();
    });
    await new Promise<void>((resolve) => server.listen(join(this.#dataDir, "admin.sock"), resolve));
    this.#operator = server;
  }

  #command(...args: readonly string[]): Promise<Ended> {
    return run(postern(...args), { POSTERN_DATA_DIR: this.#dataDir });
  }

  async #enrol(plan: ConnectorPlan): Promise<void> {
    await this.#startConnector(plan, await this.joinCode(plan));
  }

  async #startConnector(plan: ConnectorPlan, join?: string): Promise<void> {
    await this.#spawn(plan, join).ready();
  }

  async #connected(name: string): Promise<void> {
    while ((await this.away()).includes(name)) {
      if (!this.processes.get(name)?.alive) throw new Error(`connector ${name} ended`);
    }
  }

  #spawn(plan: ConnectorPlan, code?: string): Running {
    const command = connectorCommand(this.#folderOf(plan.name), plan, this.#url, code);
    return this.#run(plan.name, command, plan.env);
  }

  #runGateway(): void {
    this.#run("gateway", this.#gateway, wranglerHome(this.#built));
  }

  #run(name: string, command: readonly string[], env?: NodeJS.ProcessEnv): Running {
    const running = new Running(name, command, env);
    this.processes.set(name, running);
    this.history.push(running);
    return running;
  }

  async #up(): Promise<void> {
    const gateway = this.processes.get("gateway")!;
    await gateway.line((text) => (text.includes(`Ready on ${this.#url}`) ? true : null));
    const { status } = await fetch(`${this.#url}/healthz`);
    if (status !== 200) throw new Error(`the Worker answers ${status}:\n${gateway.output}`);
  }

  #plan(name: string): ConnectorPlan {
    const plan = this.#plans.get(name);
    if (plan === undefined) throw new Error(`no connector ${name}`);
    return plan;
  }

  #folderOf(name: string): string {
    return join(this.#network!.folder, `connector-${name}`);
  }

  get #dataDir(): string {
    return join(this.#network!.folder, "data");
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
