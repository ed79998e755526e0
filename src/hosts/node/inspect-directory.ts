import type { DatabaseSync } from "node:sqlite";
import { TENANT_STREAM, type TenantEventBody } from "../../core/model/tenant-event.ts";
import { type Ed25519Jwk, thumbprint } from "../../tunnel/keys.ts";
import type { Finding } from "./inspect.ts";

type Fault = "connector_changed" | "bundle_changed";

/**
 * Beside the chains stand tables that a gateway believes: whose key is a connector's, which text a
 * bundle is. They must hold what the tenant streams say. Each kind of difference once a tenant.
 */
export function verifyDirectory(db: DatabaseSync): Finding[] {
  const findings = new Map<string, Finding>();
  const recorded = recordedEntries(db);
  const kept = keptEntries(db);
  for (const difference of new Set(recorded.keys()).symmetricDifference(new Set(kept.keys()))) {
    const finding = recorded.get(difference) ?? kept.get(difference)!;
    findings.set(`${finding.fault} ${finding.tenant}`, finding);
  }
  return [...findings.values()];
}

type Entries = Map<string, { readonly fault: Fault; readonly tenant: string }>;

function add(entries: Entries, fault: Fault, tenant: string, ...parts: string[]): void {
  entries.set(JSON.stringify([fault, tenant, ...parts]), { fault, tenant });
}

function recordedEntries(db: DatabaseSync): Entries {
  const entries: Entries = new Map();
  const connectors = new Map<
    string,
    { readonly tenant: string; readonly network: string; readonly tier: string; jkt: string }
  >();
  const rows = db
    .prepare(
      `SELECT tenant, bytes FROM event
       WHERE workflow = ? AND type IN ('connector.enrolled', 'connector.rotated',
         'connector.removed', 'bundle.activated')
       ORDER BY tenant, seq`,
    )
    .all(TENANT_STREAM) as { tenant: string; bytes: string }[];
  for (const { tenant, bytes } of rows) {
    const event = JSON.parse(bytes) as TenantEventBody;
    if (event.type === "connector.enrolled") {
      const { connector, network, tier, jkt } = event;
      connectors.set(connector, { tenant, network, tier, jkt });
    } else if (event.type === "connector.rotated") {
      const known = connectors.get(event.connector);
      if (known?.tenant === tenant) known.jkt = event.jkt;
    } else if (event.type === "connector.removed") {
      if (connectors.get(event.connector)?.tenant === tenant) connectors.delete(event.connector);
    } else if (event.type === "bundle.activated") {
      add(entries, "bundle_changed", tenant, event.policyVersion);
    }
  }
  for (const [id, { tenant, network, tier, jkt }] of connectors) {
    add(entries, "connector_changed", tenant, id, network, tier, jkt);
  }
  return entries;
}

function keptEntries(db: DatabaseSync): Entries {
  const entries: Entries = new Map();
  const connectors = db
    .prepare("SELECT tenant, id, public_key, network, tier FROM connector")
    .all() as { [column in "tenant" | "id" | "public_key" | "network" | "tier"]: string }[];
  for (const { tenant, id, public_key, network, tier } of connectors) {
    const jkt = thumbprint(JSON.parse(public_key) as Ed25519Jwk);
    add(entries, "connector_changed", tenant, id, network, tier, jkt);
  }
  const bundles = db.prepare("SELECT tenant, digest FROM bundle").all() as {
    [column in "tenant" | "digest"]: string;
  }[];
  for (const { tenant, digest } of bundles) add(entries, "bundle_changed", tenant, digest);
  return entries;
}
