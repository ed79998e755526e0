import { createHash, generateKeyPairSync } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applyEdits, modify, parse } from "jsonc-parser";
import { Child } from "../../examples/acme/child.ts";
import { POSTERN, postern } from "../../examples/acme/demo/postern.ts";
import { fill } from "../../examples/acme/demo/workspace.ts";
import { CONTENT_TOOLS } from "../../examples/conformance/content.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");
const TENANT = "conformance";
const AGENT = "suite-runner";

/** Of a tool that answers an object, a person says what is in it; the import only knows that it is content. */
const OUTPUTS: { readonly [tool: string]: object } = {
  structured_report: {
    kind: "json",
    schema: { ...CONTENT_TOOLS["structured_report"]?.output, dataClass: "suite.fixture" },
  },
};

/** One server twice: as its own clients reach it, and as an agent does. */
export interface Endpoints {
  readonly direct: string;
  readonly through: string;
}

/** Postern as its users run it, in front of the MCP server that the suite's tools belong to. */
export class Processes {
  readonly #root: string;
  readonly #children: Child[] = [];

  /** Everything the processes write stays in this folder. */
  constructor(root: string) {
    this.#root = root;
  }

  async start(): Promise<Endpoints> {
    const idp = await this.#run("idp", [join(EXAMPLES, "acme/idp/server.ts")]);
    const service = await this.#run("service", [join(EXAMPLES, "conformance/service.ts")]);
    const direct = String(service.facts["url"]);
    const key = this.#writeBundle();
    const connector = this.#writeConnector(direct, String(service.facts["tools"]).split(" "));
    await this.#importTools(connector);
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
    const scope = ["--network", "suite", "--tier", "public", "--data", join(this.#root, "data")];
    const { code } = (await postern(["connector", "enroll", ...scope])) as { code: string };
    const door = ["--gateway", url, "--join", code];
    await this.#postern("connector", "run", "--config", connector, ...door);
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
    return { direct, through: String(connect.facts["url"]) };
  }

  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) await child.stop();
  }

  #writeConnector(url: string, tools: readonly string[]): string {
    const template = readFileSync(join(EXAMPLES, "conformance/connector.jsonc"), "utf8");
    const config = join(this.#root, "connector.jsonc");
    const stateDir = join(this.#root, "connector");
    const filled = fill(template.replace('"{{tools}}"', JSON.stringify(tools)), { url, stateDir });
    writeFileSync(config, filled);
    return config;
  }

  /** Imported, and then what a person does: a price, the suite's own names, and nothing left to confirm. */
  async #importTools(connector: string): Promise<void> {
    const bundle = join(this.#root, "bundle");
    const from = ["--config", connector, "--destination", "suite", "--bundle", bundle];
    await postern(["tool", "import", "mcp", ...from, "--data-class", "suite.fixture"]);
    for (const file of readdirSync(join(bundle, "tools"))) {
      const path = join(bundle, "tools", file);
      const { review: _, ...tool } = parse(readFileSync(path, "utf8"));
      const id = tool.mcp.tool;
      const output = OUTPUTS[id] ?? tool.output;
      rmSync(path);
      writeFileSync(
        join(bundle, "tools", `${id}.jsonc`),
        JSON.stringify({ ...tool, id, output, cost: 1 }),
      );
    }
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
