import { createHash, generateKeyPairSync } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applyEdits, modify } from "jsonc-parser";
import { Child } from "../../examples/acme/child.ts";
import { POSTERN, postern } from "../../examples/acme/demo/postern.ts";
import { fill } from "../../examples/acme/demo/workspace.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");
const TENANT = "conformance";
const AGENT = "suite-runner";

/** Postern as its users run it, in front of the service that the suite's tools belong to. */
export class Processes {
  readonly #root: string;
  readonly #children: Child[] = [];

  /** Everything the processes write stays in this folder. */
  constructor(root: string) {
    this.#root = root;
  }

  /** The address that an MCP client on this machine uses. */
  async start(): Promise<string> {
    const idp = await this.#run("idp", [join(EXAMPLES, "acme/idp/server.ts")]);
    const service = await this.#run("service", [join(EXAMPLES, "conformance/service.ts")]);
    const key = this.#writeBundle();
    const config = this.#write("postern.jsonc", {
      listen: { host: "127.0.0.1", port: 0 },
      dataDir: "data",
      tenants: {
        [TENANT]: {
          idp: { issuer: idp.facts["issuer"], audience: "postern", algorithms: ["ES256"] },
        },
      },
    });
    const bundle = ["--bundle", join(this.#root, "bundle")];
    const gateway = await this.#postern("gateway", "run", "--config", config, ...bundle);
    const url = String(gateway.facts["url"]);
    await this.#startConnector(url, String(service.facts["origin"]));
    const signIn = join(EXAMPLES, "acme/idp/sign-in.ts");
    const profile = this.#write("profile.jsonc", {
      gateway: url,
      tenant: TENANT,
      agent: AGENT,
      agentKey: key,
      purpose: "conformance",
      human: { command: [process.execPath, signIn, String(idp.facts["issuer"]), "dana"] },
    });
    const connect = await this.#postern("connect", "--profile", profile, "--http", "0");
    return String(connect.facts["url"]);
  }

  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) await child.stop();
  }

  async #startConnector(gateway: string, origin: string): Promise<void> {
    const template = readFileSync(join(EXAMPLES, "conformance/connector.jsonc"), "utf8");
    const config = join(this.#root, "connector.jsonc");
    writeFileSync(config, fill(template, { origin, stateDir: join(this.#root, "connector") }));
    const scope = ["--network", "suite", "--tier", "public", "--data", join(this.#root, "data")];
    const { code } = (await postern(["connector", "enroll", ...scope])) as { code: string };
    const door = ["--gateway", gateway, "--join", code];
    await this.#postern("connector", "run", "--config", config, ...door);
  }

  /** A copy of the example bundle that knows a key made for this run; the file of its secret half. */
  #writeBundle(): string {
    cpSync(join(EXAMPLES, "conformance/bundle"), join(this.#root, "bundle"), { recursive: true });
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const open = publicKey.export({ format: "jwk" });
    const kid = createHash("sha256").update(String(open.x)).digest("base64url");
    const agents = join(this.#root, "bundle", "agents.jsonc");
    const text = readFileSync(agents, "utf8");
    const keys = [{ ...open, kid, alg: "EdDSA" }];
    writeFileSync(agents, applyEdits(text, modify(text, ["agents", AGENT, "keys"], keys, {})));
    return this.#write("agent.jwk.json", { ...privateKey.export({ format: "jwk" }), kid });
  }

  #write(name: string, value: unknown): string {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
    const file = join(this.#root, name);
    writeFileSync(file, JSON.stringify(value, null, 2), { mode: 0o600 });
    return file;
  }

  #postern(...args: readonly string[]): Promise<Child> {
    return this.#run(args[0] ?? "", [POSTERN, ...args]);
  }

  async #run(name: string, args: readonly string[]): Promise<Child> {
    const child = await Child.start({ name, args, log: join(this.#root, `${name}.log`) });
    this.#children.push(child);
    return child;
  }
}
