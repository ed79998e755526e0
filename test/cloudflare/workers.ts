import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ConnectorPlan, Network } from "../acceptance/host.ts";
import { ROOT } from "../acceptance/support/process.ts";
import { COMPATIBILITY } from "./compatibility.ts";

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

export interface Deployment {
  /** Folder of the built Worker. */
  readonly built: string;
  /** Where all of this may keep what it likes. */
  readonly folder: string;
  readonly port: number;
  readonly network: Network;
  readonly plans: readonly ConnectorPlan[];
  /** Opens the operator's door of the front. */
  readonly secret: string;
}

/** Where wrangler keeps logs and its register of Workers: not in the home of who runs the tests. */
export function wranglerHome(folder: string): NodeJS.ProcessEnv {
  return { XDG_CONFIG_HOME: join(folder, "config") };
}

/** `wrangler dev` for all of them in one workerd: front, gateway, one stand-in for each private network. */
export function devCommand(deployment: Deployment): string[] {
  const { folder, port, plans, secret } = deployment;
  const gateway = (entrypoint?: string) => ({
    service: "postern",
    ...(entrypoint !== undefined && { entrypoint }),
  });
  const workers = [
    {
      name: "front",
      main: here("front.ts"),
      vars: { OPERATOR_SECRET: secret },
      services: [
        { binding: "GATEWAY", ...gateway() },
        { binding: "OPERATOR", ...gateway("Operator") },
      ],
    },
    gatewayWorker(deployment),
    ...plans.map(({ name, listen }) => ({
      name: `network-${name}`,
      main: here("stand-in.ts"),
      vars: { ORIGIN: `http://${listen}` },
    })),
  ];
  mkdirSync(join(folder, "workers"), { recursive: true });
  const configs = workers.flatMap((worker) => {
    const file = join(folder, "workers", `${worker.name}.json`);
    writeFileSync(file, JSON.stringify({ ...COMPATIBILITY, ...worker }));
    return ["--config", file];
  });
  const where = ["--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const storage = ["--persist-to", join(folder, "storage")];
  const quiet = ["--show-interactive-dev-session=false"];
  return [process.execPath, wrangler, "dev", ...configs, ...where, ...storage, ...quiet];
}

function gatewayWorker({ built, port, network, plans }: Deployment) {
  const tenants = Object.entries(network.tenants).map(([name, { idp, approvals, events }]) => {
    const own = plans.filter(({ tenant }) => tenant === name);
    return [name, { idp, approvals, events, connectors: own.map(connectorOf) }];
  });
  return {
    name: "postern",
    main: join(built, "worker.js"),
    no_bundle: true,
    rules: [{ type: "CompiledWasm", globs: ["**/*.wasm"] }],
    durable_objects: {
      bindings: [
        { name: "TENANT", class_name: "TenantObject" },
        { name: "SESSION", class_name: "SessionObject" },
      ],
    },
    migrations: [{ tag: "v1", new_sqlite_classes: ["TenantObject", "SessionObject"] }],
    vars: {
      POSTERN: {
        publicUrl: `http://127.0.0.1:${port}`,
        tenants: Object.fromEntries(tenants) as object,
      },
      POSTERN_WRAPPING_KEY: randomBytes(32).toString("base64"),
    },
    services: plans.map(({ name }) => ({ binding: bindingOf(name), service: `network-${name}` })),
  };
}

function connectorOf({ name, network, tier }: ConnectorPlan) {
  return { binding: bindingOf(name), network, tier };
}

function bindingOf(connector: string): string {
  return `NETWORK_${connector.toUpperCase().replaceAll("-", "_")}`;
}
