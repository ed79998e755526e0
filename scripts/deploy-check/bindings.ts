import { z } from "zod";
import {
  type ConnectorBinding,
  readConfig,
  type WorkerConfig,
} from "../../src/hosts/cloudflare/config.ts";
import type { BundleSource } from "../../src/policy/bundle/model.ts";
import type { Environment } from "./environment.ts";
import type { Refusal } from "./refusal.ts";

const OBJECTS = { TENANT: "TenantObject", SESSION: "SessionObject" } as const;
const SECRET = "POSTERN_WRAPPING_KEY";
const VARIABLE = "POSTERN";

/** Everything at once that would make a deployment of these tenants with these bundles fail later. Pure. */
export function checkBindings(
  environment: Environment,
  bundles: ReadonlyMap<string, BundleSource>,
): readonly Refusal[] {
  const own = checkOwn(environment);
  const config = configOf(environment);
  if (!("tenants" in config)) return [...own, config];
  const connectors = Object.values(config.tenants).flatMap((tenant) => tenant.connectors);
  return [
    ...own,
    ...checkUrl(config),
    ...checkWays(environment, connectors),
    ...checkTenants(config, bundles),
  ];
}

/** Bindings whose service nobody has registered yet: what the file has in the repository. */
export function placeholders({ vpc_services: services }: Environment): readonly string[] {
  return services
    .filter(({ service_id: id }) => id.startsWith("00000000-0000-0000-0000-"))
    .map(({ binding }) => binding);
}

function checkOwn(environment: Environment): readonly Refusal[] {
  const { define, durable_objects, migrations, secrets, vars } = environment;
  const refusals: Refusal[] = [];
  for (const name of ["__dirname", "__filename"]) {
    if (Object.hasOwn(define, name)) continue;
    refusals.push({
      code: "define_missing",
      message: `${name} is not defined, and an environment does not inherit it`,
      fix: "take over define from the environment local",
    });
  }
  const stored = (migrations ?? []).flatMap((one) => one.new_sqlite_classes);
  for (const [name, type] of Object.entries(OBJECTS)) {
    const bound = durable_objects.bindings.some(
      (one) => one.name === name && one.class_name === type,
    );
    if (bound && stored.includes(type)) continue;
    refusals.push({
      code: "object_unbound",
      message: bound ? `${type} has no SQLite storage` : `${name} is not bound to ${type}`,
      fix: bound
        ? `list it under new_sqlite_classes of a migration`
        : `add { "name": "${name}", "class_name": "${type}" } to durable_objects.bindings`,
    });
  }
  if (Object.hasOwn(vars, SECRET)) {
    refusals.push({
      code: "secret_in_file",
      message: `${SECRET} stands in the configuration, where everybody reads it who reads the Worker`,
      fix: `take it out, make another one, and set it with: wrangler secret put ${SECRET} --env production`,
    });
  }
  if (!secrets.required.includes(SECRET)) {
    refusals.push({
      code: "secret_unlisted",
      message: `a deployment without ${SECRET} would not be noticed`,
      fix: `add it to secrets.required`,
    });
  }
  return refusals;
}

function configOf({ vars }: Environment): WorkerConfig | Refusal {
  const fix = "docs/guides/cloudflare.md says what stands there";
  try {
    return readConfig(vars[VARIABLE]);
  } catch (error) {
    // What was written is not repeated: an address or an audience may be nobody's business.
    const places =
      error instanceof z.ZodError
        ? error.issues.map(({ path, message }) => `${path.join(".") || VARIABLE}: ${message}`)
        : ["is no JSON"];
    return { code: "postern_unreadable", message: `vars.${VARIABLE}: ${places.join("; ")}`, fix };
  }
}

function checkUrl({ publicUrl }: WorkerConfig): readonly Refusal[] {
  if (publicUrl.startsWith("https://") && !publicUrl.endsWith("/")) return [];
  return [
    {
      code: "public_url_plain",
      message: "publicUrl is the name of this gateway in every token",
      fix: "write it with https and without a slash at its end",
    },
  ];
}

function checkWays(
  { vpc_services: services, vpc_networks: networks }: Environment,
  connectors: readonly ConnectorBinding[],
): readonly Refusal[] {
  const refusals: Refusal[] = [];
  const seen = new Set<string>();
  for (const { binding, address } of connectors) {
    const isService = services.some((one) => one.binding === binding);
    const isNetwork = networks.some((one) => one.binding === binding);
    const way = `${binding} ${address ?? ""}`;
    if (seen.has(way)) {
      refusals.push({
        code: "connector_twice",
        message: `two connectors of this configuration are at ${binding}`,
        fix: "one binding and address is one connector process, of one tenant, network and tier",
      });
    }
    seen.add(way);
    if (!isService && !isNetwork) {
      refusals.push({
        code: "binding_unknown",
        message: `a connector is behind ${binding}, which is no binding of this environment`,
        fix: "add it to vpc_services, or to vpc_networks with an address at the connector",
      });
    } else if (isNetwork && address === undefined) {
      refusals.push({
        code: "address_missing",
        message: `${binding} reaches a whole network, and the connector behind it has no address`,
        fix: 'say where it listens: "address": "http://100.96.0.7:7070"',
      });
    } else if (isService && address !== undefined) {
      refusals.push({
        code: "address_without_effect",
        message: `${binding} is a registered service: its host and port are the platform's`,
        fix: "take the address out, or bind the network",
      });
    }
  }
  for (const { binding } of [...services, ...networks]) {
    if (connectors.some((one) => one.binding === binding)) continue;
    refusals.push({
      code: "binding_unused",
      message: `${binding} leads into a private network, and no connector is behind it`,
      fix: "name it at a connector of vars.POSTERN, or take it out",
    });
  }
  return refusals;
}

function checkTenants(
  { tenants }: WorkerConfig,
  bundles: ReadonlyMap<string, BundleSource>,
): readonly Refusal[] {
  const refusals: Refusal[] = [];
  for (const [tenant, { connectors }] of Object.entries(tenants)) {
    const bundle = bundles.get(tenant);
    if (bundle !== undefined) refusals.push(...checkBundle(tenant, connectors, bundle));
    else {
      refusals.push({
        code: "bundle_missing",
        message: `nobody said which bundle ${tenant} will have`,
        fix: `npm run deploy:check -- --bundle ${tenant}=DIR`,
      });
    }
  }
  for (const tenant of bundles.keys()) {
    if (Object.hasOwn(tenants, tenant)) continue;
    refusals.push({
      code: "bundle_of_nobody",
      message: `vars.POSTERN has no tenant ${tenant}`,
      fix: "name a tenant of this environment before the equals sign",
    });
  }
  return refusals;
}

function checkBundle(
  tenant: string,
  connectors: readonly ConnectorBinding[],
  { destinations, tools }: BundleSource,
): readonly Refusal[] {
  return destinations.flatMap(({ id, network, tier }): readonly Refusal[] => {
    const named = tools
      .filter(({ destination }) => destination.id === id)
      .map(({ tool }) => tool.id);
    if (named.length === 0) return [];
    if (connectors.some((one) => one.network === network && one.tier === tier)) return [];
    return [
      {
        code: "destination_unbound",
        message: `${tenant}: ${named.join(", ")} ${named.length === 1 ? "goes" : "go"} to ${id}, of network ${network} and tier ${tier}, and no binding leads to a connector there`,
        fix: `add a connector with "network": "${network}", "tier": "${tier}" and its binding`,
      },
    ];
  });
}
