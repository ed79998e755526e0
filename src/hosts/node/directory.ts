import type { Tier } from "../../core/model/policy.ts";
import { TENANT_STREAM } from "../../core/model/tenant-event.ts";
import type { JoinGrant } from "../../tunnel/join-code.ts";
import { thumbprint, type Ed25519Jwk } from "../../tunnel/keys.ts";
import type { Journal } from "./journal.ts";
import type { Database } from "./sql.ts";
import type { TenantStreams } from "./tenant-stream.ts";

export interface ConnectorRecord {
  readonly tenant: string;
  readonly id: string;
  readonly publicKey: Ed25519Jwk;
  readonly network: string;
  readonly tier: Tier;
}

/**
 * What was spent is remembered this much longer than it is good for. A request judged just before its
 * assertion ended spends it only after its last waits; and a clock that is ahead for a while must not
 * forget what is good again as soon as somebody sets it right.
 */
const SPENT_SLACK_MS = 60 * 60 * 1_000;
/** Newest first; a clock that was set back leaves older times behind newer ones. */
const LATEST_ROWS = 1_000;

/** What a tenant knows beside its workflows: bundles, connectors, join codes, spent assertions. */
export class Directory {
  readonly #db: Database;
  readonly #journal: Pick<Journal, "write">;
  readonly #streams: TenantStreams;
  readonly #now: () => number;
  readonly #sql: ReturnType<typeof prepare>;
  /** Spent in a batch that is not on disk yet. */
  readonly #spending = new Set<string>();

  constructor(
    db: Database,
    journal: Pick<Journal, "write">,
    streams: TenantStreams,
    now: () => number,
  ) {
    this.#db = db;
    this.#journal = journal;
    this.#streams = streams;
    this.#now = now;
    this.#sql = prepare(db);
  }

  // Bundles

  async activate(
    tenant: string,
    digest: string,
    files: Readonly<Record<string, string>>,
  ): Promise<void> {
    await this.#streams.append(
      tenant,
      { type: "bundle.activated", policyVersion: digest, previous: this.activeDigest(tenant) },
      [{ statement: this.#sql.putBundle, values: [tenant, digest, JSON.stringify(files)] }],
    );
  }

  /** The last activation of the tenant stream is the truth: there is no second pointer to disagree. */
  activeDigest(tenant: string): string | null {
    const row = this.#sql.lastActivation.get(tenant, TENANT_STREAM) as
      | { digest: string }
      | undefined;
    return row?.digest ?? null;
  }

  bundleFiles(tenant: string, digest: string): Record<string, string> | null {
    const row = this.#sql.bundle.get(tenant, digest) as { files: string } | undefined;
    return row === undefined ? null : (JSON.parse(row.files) as Record<string, string>);
  }

  // Connectors

  async createJoinCode(tenant: string, hash: string, grant: JoinGrant): Promise<void> {
    const { network, tier, expiresAt } = grant;
    await this.#streams.append(
      tenant,
      { type: "join.created", code: hash, network, tier, expiresAt },
      [{ statement: this.#sql.putCode, values: [tenant, hash, network, tier, expiresAt] }],
    );
  }

  /** Takes the code in this very turn: two who bring the same code at once do not both get in. */
  takeJoinCode(tenant: string, hash: string): JoinGrant | null {
    const taken = `code ${tenant} ${hash}`;
    if (this.#spending.has(taken)) return null;
    const row = this.#sql.code.get(tenant, hash) as unknown as JoinGrant | undefined;
    if (row === undefined) return null;
    this.#spending.add(taken);
    return row;
  }

  /** Makes the taking durable: with the connector it let in, or as burnt by a failed attempt. */
  async settleJoinCode(
    tenant: string,
    hash: string,
    enrolled: { readonly record: ConnectorRecord; readonly jkt: string } | null,
  ): Promise<void> {
    const take = { statement: this.#sql.takeCode, values: [tenant, hash] };
    try {
      if (enrolled === null) return await this.#journal.write([take]);
      const { id, publicKey, network, tier } = enrolled.record;
      const body = { type: "connector.enrolled", connector: id, network, tier } as const;
      const values = [tenant, id, JSON.stringify(publicKey), network, tier];
      await this.#streams.append(tenant, { ...body, jkt: enrolled.jkt, code: hash }, [
        take,
        { statement: this.#sql.putConnector, values },
      ]);
    } finally {
      this.#spending.delete(`code ${tenant} ${hash}`);
    }
  }

  /** From then on no other key of it is good. */
  async rekeyConnector(
    { tenant, id, publicKey: before }: ConnectorRecord,
    publicKey: Ed25519Jwk,
  ): Promise<void> {
    const [jkt, previous] = [thumbprint(publicKey), thumbprint(before)];
    if (jkt === previous) return;
    await this.#streams.append(
      tenant,
      { type: "connector.rotated", connector: id, jkt, previous },
      [{ statement: this.#sql.rekeyConnector, values: [JSON.stringify(publicKey), tenant, id] }],
    );
  }

  async connectorDrained(tenant: string, connector: string): Promise<void> {
    await this.#streams.append(tenant, { type: "connector.drained", connector });
  }

  async removeConnector(tenant: string, connector: string): Promise<void> {
    await this.#streams.append(tenant, { type: "connector.removed", connector }, [
      { statement: this.#sql.dropConnector, values: [tenant, connector] },
    ]);
  }

  connectors(tenant: string): ConnectorRecord[] {
    const rows = this.#db
      .prepare("SELECT id FROM connector WHERE tenant = ? ORDER BY id")
      .all(tenant);
    return (rows as { id: string }[]).flatMap(({ id }) => this.connector(tenant, id) ?? []);
  }

  connector(tenant: string, id: string): ConnectorRecord | null {
    const row = this.#sql.connector.get(tenant, id) as
      | { public_key: string; network: string; tier: Tier }
      | undefined;
    if (row === undefined) return null;
    const publicKey = JSON.parse(row.public_key) as ConnectorRecord["publicKey"];
    return { tenant, id, publicKey, network: row.network, tier: row.tier };
  }

  // Assertions

  /** True once for each (kind, hash), also over a restart; durable when it resolves. */
  async spend(kind: string, tenant: string, hash: string, expiresAt: number): Promise<boolean> {
    const thing = `${kind} ${tenant} ${hash}`;
    // Two spenders in the same batch: the second loses at once.
    if (this.#spending.has(thing)) return false;
    if (this.#sql.spent.get(tenant, kind, hash) !== undefined) return false;
    this.#spending.add(thing);
    try {
      await this.#journal.write([
        { statement: this.#sql.forgetSpent, values: [this.#now() - SPENT_SLACK_MS] },
        { statement: this.#sql.putSpent, values: [tenant, kind, hash, expiresAt] },
      ]);
      return true;
    } finally {
      this.#spending.delete(thing);
    }
  }

  /**
   * The latest time under which anything was recorded lately: a clock that was set back since must not
   * pass for it. Infinity: the record cannot be read, and nobody knows.
   */
  latest(): number {
    try {
      return (this.#sql.latest.get(LATEST_ROWS) as { at: number | null }).at ?? 0;
    } catch {
      return Infinity;
    }
  }

  /** Durably; what is being spent in this very batch is not spent yet. */
  isSpent(kind: string, tenant: string, hash: string): boolean {
    return this.#sql.spent.get(tenant, kind, hash) !== undefined;
  }

  /** Calls without a known end, of one connector: what to ask it after it came back. */
  openCalls(tenant: string, connector: string): { call: string; workflow: string }[] {
    return this.#sql.openCalls.all(tenant, connector) as { call: string; workflow: string }[];
  }

  workflows(
    tenant: string,
    limit: number,
  ): { workflow: string; events: number; startedAt: number }[] {
    return this.#db
      .prepare(
        `SELECT session.workflow, (SELECT count(*) FROM event WHERE event.tenant = session.tenant
           AND event.workflow = session.workflow) AS events,
         (SELECT bytes ->> 'at' FROM event WHERE event.tenant = session.tenant
           AND event.workflow = session.workflow AND seq = 0) AS startedAt
         FROM session WHERE tenant = ? ORDER BY session.workflow DESC LIMIT ?`,
      )
      .all(tenant, limit) as { workflow: string; events: number; startedAt: number }[];
  }

  /** Every workflow with a call that has no known end. */
  unsettled(): { tenant: string; workflow: string }[] {
    return this.#db.prepare("SELECT DISTINCT tenant, workflow FROM open_call").all() as {
      tenant: string;
      workflow: string;
    }[];
  }
}

function prepare(db: Database) {
  return {
    putBundle: db.prepare("INSERT INTO bundle VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
    bundle: db.prepare("SELECT files FROM bundle WHERE tenant = ? AND digest = ?"),
    lastActivation: db.prepare(
      `SELECT bytes ->> 'policyVersion' AS digest FROM event
       WHERE tenant = ? AND workflow = ? AND type = 'bundle.activated' ORDER BY seq DESC LIMIT 1`,
    ),
    putCode: db.prepare("INSERT INTO join_code VALUES (?, ?, ?, ?, ?)"),
    code: db.prepare(
      "SELECT network, tier, expires AS expiresAt FROM join_code WHERE tenant = ? AND hash = ?",
    ),
    takeCode: db.prepare("DELETE FROM join_code WHERE tenant = ? AND hash = ?"),
    putConnector: db.prepare("INSERT INTO connector VALUES (?, ?, ?, ?, ?)"),
    rekeyConnector: db.prepare("UPDATE connector SET public_key = ? WHERE tenant = ? AND id = ?"),
    dropConnector: db.prepare("DELETE FROM connector WHERE tenant = ? AND id = ?"),
    connector: db.prepare(
      "SELECT public_key, network, tier FROM connector WHERE tenant = ? AND id = ?",
    ),
    spent: db.prepare("SELECT 1 FROM spent WHERE tenant = ? AND kind = ? AND hash = ?"),
    putSpent: db.prepare("INSERT INTO spent VALUES (?, ?, ?, ?)"),
    forgetSpent: db.prepare("DELETE FROM spent WHERE expires < ?"),
    latest: db.prepare(
      `SELECT max(bytes ->> 'at') AS at FROM
       (SELECT bytes FROM event ORDER BY rowid DESC LIMIT ?)`,
    ),
    openCalls: db.prepare(
      "SELECT call, workflow FROM open_call WHERE tenant = ? AND connector = ?",
    ),
  };
}
