import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { signIn } from "../examples/acme/idp/sign-in.ts";
import { CLIENT_ID } from "../examples/acme/idp/client.ts";
import { generatePrivateJwk, importSigningKey } from "../src/identity/keys.ts";
import { PosternClient } from "../src/sdk/client.ts";
import { ProofKey } from "../src/sdk/proof.ts";
import { type Running, start } from "./process.ts";

const ROOT = join(import.meta.dirname, "..");
const POSTERN = join(ROOT, "bin", "postern.js");
const TENANT = "bench";

/** One workflow and what a call of it needs. */
export interface Opened {
  readonly url: string;
  readonly workflow: string;
  readonly credential: string;
  readonly proofKey: ProofKey;
}

/** Postern with everything on: identity provider, gateway on its own core, connector, workflow. */
export interface Governed extends AsyncDisposable {
  readonly gateway: Running;
  readonly connector: Running;
  /** Data folder of the gateway, with its admin socket. */
  readonly data: string;
  readonly opened: Opened;
  /** One workflow more. */
  open(): Promise<Opened>;
  /** Stops the gateway and counts what it recorded. */
  record(): Promise<{
    readonly events: number;
    readonly admitted: number;
    readonly verified: boolean;
    readonly spent: number;
  }>;
}

export async function startGoverned(
  upstream: string,
  gatewayCore: number | null,
  otherCore: number | null,
): Promise<Governed> {
  const folder = mkdtempSync(join(tmpdir(), "postern-bench-"));
  const running: Running[] = [];
  const run = async (args: readonly string[], core: number | null): Promise<Running> => {
    const one = await start(args, core);
    running.push(one);
    return one;
  };
  const agentKey = generatePrivateJwk();
  writeBundle(folder, importSigningKey(agentKey).publicJwk);
  const idp = await run([join(ROOT, "examples", "acme", "idp", "server.ts")], otherCore);
  const issuer = String(idp.facts["issuer"]);
  const data = join(folder, "data");
  const config = join(folder, "postern.jsonc");
  const tenants = { [TENANT]: { idp: { issuer, audience: CLIENT_ID, algorithms: ["ES256"] } } };
  writeFileSync(
    config,
    JSON.stringify({ listen: { host: "127.0.0.1", port: 0 }, dataDir: data, tenants }),
  );
  const gateway = await run(
    [POSTERN, "gateway", "run", "--config", config, "--bundle", join(folder, "bundle")],
    gatewayCore,
  );
  const url = String(gateway.facts["url"]);
  const { code } = postern([
    "connector",
    "enroll",
    "--network",
    "bench",
    "--tier",
    "internal",
    "--data",
    data,
  ]) as { code: string };
  const connectorFile = join(folder, "connector.jsonc");
  const state = join(folder, "connector");
  const notes = {
    kind: "http",
    origin: upstream,
    methods: ["GET"],
    paths: ["/notes/{id}", "/bodies/{size}"],
  };
  writeFileSync(
    connectorFile,
    JSON.stringify({
      network: "bench",
      tier: "internal",
      stateDir: state,
      destinations: { notes: { ...notes, queue: 448 }, slow: notes },
    }),
  );
  const connector = await run(
    [POSTERN, "connector", "run", "--config", connectorFile, "--gateway", url, "--join", code],
    otherCore,
  );
  const { kid } = importSigningKey(agentKey);
  const open = async (): Promise<Opened> => {
    const workflow = await PosternClient.open({
      gateway: url,
      tenant: TENANT,
      agent: "bench-agent",
      assertionKey: { ...agentKey, kid },
      subjectToken: await signIn(issuer, "dana"),
      purpose: "bench",
    });
    const { workflow: id, credential, proofKey } = await workflow.save();
    const key = await ProofKey.import(proofKey);
    return { url: `${url}/${TENANT}`, workflow: id, credential, proofKey: key };
  };
  return {
    gateway,
    connector,
    data,
    opened: await open(),
    open,
    async record() {
      await connector.stop();
      await gateway.stop();
      const verification = postern(["audit", "verify", data]) as {
        events: number;
        findings: unknown[];
      };
      const counted = execFileSync(
        process.execPath,
        [join(import.meta.dirname, "count.ts"), data, state],
        {
          encoding: "utf8",
        },
      );
      const { admitted, spent } = JSON.parse(counted) as { admitted: number; spent: number };
      return {
        events: verification.events,
        admitted,
        spent,
        verified: verification.findings.length === 0,
      };
    },
    async [Symbol.asyncDispose]() {
      for (const one of running.toReversed()) await one.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function writeBundle(folder: string, key: object): void {
  cpSync(join(import.meta.dirname, "bundle"), join(folder, "bundle"), { recursive: true });
  const file = join(folder, "bundle", "agents.jsonc");
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace('"keys": []', `"keys": [${JSON.stringify(key)}]`),
  );
}

function postern(args: readonly string[]): unknown {
  const out = execFileSync(process.execPath, [POSTERN, ...args, "--json"], { encoding: "utf8" });
  return JSON.parse(out);
}
