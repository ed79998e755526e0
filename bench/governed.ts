import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { signIn } from "../examples/acme/idp/sign-in.ts";
import { CLIENT_ID } from "../examples/acme/idp/client.ts";
import { generatePrivateJwk, importSigningKey, type PrivateJwk } from "../src/identity/keys.ts";
import { PosternClient } from "../src/sdk/client.ts";
import { ProofKey } from "../src/sdk/proof.ts";
import type { PrivateKeyJwk } from "../src/sdk/sign.ts";
import { type Running, start } from "./process.ts";

const ROOT = join(import.meta.dirname, "..");
const POSTERN = join(ROOT, "bin", "postern.js");

/** One workflow and what a call of it needs. */
export interface Opened {
  readonly url: string;
  readonly workflow: string;
  readonly credential: string;
  readonly proofKey: ProofKey;
  /** The same, for another process. */
  readonly proofJwk: PrivateKeyJwk;
}

/** Postern with everything on: identity provider, gateway on its own core, connector, workflow. */
export interface Governed extends AsyncDisposable {
  readonly gateway: Running;
  readonly connector: Running;
  /** Data folder of the gateway, with its admin socket. */
  readonly data: string;
  readonly opened: Opened;
  /** One workflow more, of the tenant of `opened` or of its neighbour. */
  open(tenant?: Tenant): Promise<Opened>;
  /** Stops the gateway and counts what it recorded. */
  record(): Promise<{
    readonly events: number;
    readonly admitted: number;
    readonly verified: boolean;
    readonly spent: number;
  }>;
}

export type Tenant = "bench" | "neighbour";

export interface Services {
  readonly notes: string;
  /** A service of its own for tools that are slow or hostile; absent: the same. */
  readonly slow?: string;
  /** Of the neighbour; absent: it is not there. */
  readonly neighbour?: string;
}

export async function startGoverned(
  services: Services,
  gatewayCore: number | null,
  otherCore: number | null,
): Promise<Governed> {
  const folder = mkdtempSync(join(tmpdir(), "postern-bench-"));
  const running: Running[] = [];
  const run = async (
    args: readonly string[],
    core: number | null,
    yielding = false,
  ): Promise<Running> => {
    const one = await start(args, core, yielding);
    running.push(one);
    return one;
  };
  const idp = await run([join(ROOT, "examples", "acme", "idp", "server.ts")], otherCore);
  const issuer = String(idp.facts["issuer"]);
  const data = join(folder, "data");
  const config = join(folder, "postern.jsonc");
  const tenant = { idp: { issuer, audience: CLIENT_ID, algorithms: ["ES256"] } };
  const neighbour = services.neighbour !== undefined && { neighbour: tenant };
  const tenants = { bench: tenant, ...neighbour };
  const listen = { host: "127.0.0.1", port: 0 };
  writeFileSync(config, JSON.stringify({ listen, dataDir: data, tenants }));
  const gateway = await run([POSTERN, "gateway", "run", "--config", config], gatewayCore);
  const url = String(gateway.facts["url"]);
  const keys = { bench: generatePrivateJwk(), neighbour: generatePrivateJwk() };

  const joined = (name: Tenant, notes: string, slow: string): Promise<Running> => {
    const at = ["--tenant", name, "--data", data];
    postern(["bundle", "activate", writeBundle(folder, name, keys[name]), ...at]);
    const place = ["--network", "bench", "--tier", "internal"];
    const { code } = postern(["connector", "enroll", ...place, ...at]) as { code: string };
    const file = join(folder, `${name}.jsonc`);
    const state = join(folder, `connector-${name}`);
    writeFileSync(file, JSON.stringify(connectorConfig(state, notes, slow)));
    const args = ["--config", file, "--gateway", url, "--join", code];
    return run([POSTERN, "connector", "run", ...args], otherCore, name !== "bench");
  };
  const connector = await joined("bench", services.notes, services.slow ?? services.notes);
  if (services.neighbour !== undefined) {
    await joined("neighbour", services.neighbour, services.neighbour);
  }
  const open = async (name: Tenant = "bench"): Promise<Opened> => {
    const agentKey = keys[name];
    const { kid } = importSigningKey(agentKey);
    const workflow = await PosternClient.open({
      gateway: url,
      tenant: name,
      agent: "bench-agent",
      assertionKey: { ...agentKey, kid },
      subjectToken: await signIn(issuer, "dana"),
      purpose: "bench",
    });
    const { workflow: id, credential, proofKey } = await workflow.save();
    const key = await ProofKey.import(proofKey);
    return { url: `${url}/${name}`, workflow: id, credential, proofKey: key, proofJwk: proofKey };
  };
  return {
    gateway,
    connector,
    data,
    opened: await open(),
    open,
    async record() {
      for (const one of running.toReversed()) await one.stop();
      const verification = postern(["audit", "verify", data]) as {
        events: number;
        findings: unknown[];
      };
      const counted = execFileSync(
        process.execPath,
        [join(import.meta.dirname, "count.ts"), data, join(folder, "connector-bench")],
        { encoding: "utf8" },
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

function connectorConfig(stateDir: string, notes: string, slow: string): object {
  const service = { kind: "http", methods: ["GET"], paths: ["/notes/{id}", "/bodies/{size}"] };
  const destinations = {
    notes: { ...service, origin: notes, queue: 448 },
    slow: { ...service, origin: slow },
  };
  return { network: "bench", tier: "internal", stateDir, destinations };
}

function writeBundle(folder: string, tenant: Tenant, key: PrivateJwk): string {
  const bundle = join(folder, `bundle-${tenant}`);
  cpSync(join(import.meta.dirname, "bundle"), bundle, { recursive: true });
  const file = join(bundle, "agents.jsonc");
  const { publicJwk } = importSigningKey(key);
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace('"keys": []', `"keys": [${JSON.stringify(publicJwk)}]`),
  );
  return bundle;
}

function postern(args: readonly string[]): unknown {
  const out = execFileSync(process.execPath, [POSTERN, ...args, "--json"], { encoding: "utf8" });
  return JSON.parse(out);
}
