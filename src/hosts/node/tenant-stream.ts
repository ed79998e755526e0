import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  genesis,
  link,
  verifyChain,
  type ChainedEvent,
  type Hash,
} from "../../core/audit/chain.ts";
import { canonical } from "../../core/model/json.ts";
import { TENANT_STREAM, type TenantEventBody } from "../../core/model/tenant-event.ts";
import { AuditUnavailable } from "../../gateway/ports.ts";
import type { Journal } from "./journal.ts";

interface Head {
  readonly next: number;
  readonly hash: string;
}

/** The record of what belongs to no workflow, one chain a tenant. */
export class TenantStreams {
  readonly #db: DatabaseSync;
  readonly #journal: Journal;
  readonly #hash: Hash;
  readonly #now: () => number;
  readonly #insert: StatementSync;
  readonly #heads = new Map<string, Head>();

  constructor(db: DatabaseSync, journal: Journal, hash: Hash, now: () => number) {
    this.#db = db;
    this.#journal = journal;
    this.#hash = hash;
    this.#now = now;
    this.#insert = db.prepare("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)");
  }

  /** Durable, in one commit with `others`, when it resolves. */
  async append(
    tenant: string,
    body: TenantEventBody,
    others: Parameters<Journal["write"]>[0] = [],
  ): Promise<void> {
    const head = this.#heads.get(tenant) ?? this.#read(tenant);
    const bytes = canonical({ ...body, seq: head.next, at: this.#now(), workflow: TENANT_STREAM });
    const hash = link(this.#hash, head.hash, bytes);
    this.#heads.set(tenant, { next: head.next + 1, hash });
    const values = [tenant, TENANT_STREAM, head.next, body.type, null, bytes, hash];
    await this.#journal.write([{ statement: this.#insert, values }, ...others], () =>
      this.#heads.delete(tenant),
    );
  }

  #read(tenant: string): Head {
    const rows = this.#db
      .prepare("SELECT seq, bytes, hash FROM event WHERE tenant = ? AND workflow = ? ORDER BY seq")
      .all(tenant, TENANT_STREAM) as unknown as ChainedEvent[];
    const fault = verifyChain(this.#hash, tenant, TENANT_STREAM, rows);
    if (fault !== null)
      throw new AuditUnavailable(`store_corrupt: tenant stream at seq ${fault.seq}`);
    return {
      next: rows.length,
      hash: rows.at(-1)?.hash ?? genesis(this.#hash, tenant, TENANT_STREAM),
    };
  }
}
