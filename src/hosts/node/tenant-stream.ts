import {
  genesis,
  link,
  verifyChain,
  type ChainedEvent,
  type Hash,
} from "../../core/audit/chain.ts";
import { canonical } from "../../core/model/json.ts";
import {
  type KeyEvent,
  TENANT_STREAM,
  type TenantEventBody,
  type TenantSignalRaised,
} from "../../core/model/tenant-event.ts";
import type { RaisedSignals } from "../../core/session/tenant-signal.ts";
import { AuditUnavailable } from "../../gateway/ports.ts";
import type { Journal } from "./journal.ts";
import type { Database, Statement, Write } from "./sql.ts";

interface Head {
  readonly next: number;
  readonly hash: string;
}

/** The record of what belongs to no workflow, one chain a tenant. */
export class TenantStreams {
  readonly #journal: Pick<Journal, "write">;
  readonly #hash: Hash;
  readonly #now: () => number;
  readonly #insert: Statement;
  readonly #all: Statement;
  readonly #last: Statement;
  readonly #keys: Statement;
  readonly #signals: Statement;
  readonly #heads = new Map<string, Head>();
  /** Tenants whose chain was read whole and verified by this process. */
  readonly #verified = new Set<string>();

  constructor(db: Database, journal: Pick<Journal, "write">, hash: Hash, now: () => number) {
    this.#journal = journal;
    this.#hash = hash;
    this.#now = now;
    this.#insert = db.prepare("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)");
    const rows =
      "SELECT seq, bytes, hash FROM event WHERE tenant = ? AND workflow = ? ORDER BY seq";
    this.#all = db.prepare(rows);
    this.#signals = db.prepare(
      `SELECT bytes FROM event WHERE tenant = ? AND workflow = ? AND type = 'signal.raised'
       ORDER BY seq DESC`,
    );
    this.#last = db.prepare(`${rows} DESC LIMIT 1`);
    this.#keys = db.prepare(
      `SELECT bytes FROM event WHERE tenant = ? AND workflow = ?
       AND type IN ('key.published', 'key.rotated', 'key.retired') ORDER BY seq`,
    );
  }

  /** Durable, in one commit with `others`, when it resolves. */
  async append(
    tenant: string,
    body: TenantEventBody,
    others: readonly Write[] = [],
  ): Promise<void> {
    const write = this.link(tenant, body);
    await this.#journal.write([write, ...others], () => this.rewind(tenant));
  }

  /** The next event, in memory; it has to go into the very next commit. Throws AuditUnavailable. */
  link(tenant: string, body: TenantEventBody): Write {
    const head = this.#heads.get(tenant) ?? this.#head(tenant);
    const bytes = canonical({ ...body, seq: head.next, at: this.#now(), workflow: TENANT_STREAM });
    const hash = link(this.#hash, head.hash, bytes);
    this.#heads.set(tenant, { next: head.next + 1, hash });
    const values = [tenant, TENANT_STREAM, head.next, body.type, null, bytes, hash];
    return { statement: this.#insert, values };
  }

  /** A commit failed: what was linked for it did not happen. */
  rewind(tenant: string): void {
    this.#heads.delete(tenant);
  }

  /** What became of the gateway's own keys, as it stands there; none where the stream cannot be read. */
  keyEvents(tenant: string): readonly KeyEvent[] {
    try {
      return this.#keys.all(tenant, TENANT_STREAM).map(({ bytes }) => JSON.parse(String(bytes)));
    } catch {
      return [];
    }
  }

  /** The stream from its beginning, verified; throws AuditUnavailable where it is broken. */
  *read(tenant: string): Iterable<TenantEventBody & { readonly at: number }> {
    this.#verify(tenant);
    for (const { bytes } of this.#rows(tenant)) {
      yield JSON.parse(bytes) as TenantEventBody & { readonly at: number };
    }
  }

  /** Signals of the last while, oldest first. Reads backwards, so that an old stream costs nothing. */
  signalsSince(tenant: string, since: number): RaisedSignals {
    this.#head(tenant);
    const found: RaisedSignals[number][] = [];
    for (const row of this.#signals.iterate(tenant, TENANT_STREAM)) {
      const { bytes } = row as { bytes: string };
      const { at, signal, subject } = JSON.parse(bytes) as TenantSignalRaised & { at: number };
      if (at < since) break;
      found.push({ signal, subject, at });
    }
    return found.reverse();
  }

  /** A stream grows with every refusal, and may not fit into memory whole. */
  *#rows(tenant: string): Iterable<ChainedEvent> {
    for (const row of this.#all.iterate(tenant, TENANT_STREAM)) {
      yield row as unknown as ChainedEvent;
    }
  }

  #head(tenant: string): Head {
    if (!this.#verified.has(tenant)) this.#verify(tenant);
    const row = this.#last.get(tenant, TENANT_STREAM) as ChainedEvent | undefined;
    return {
      next: row === undefined ? 0 : row.seq + 1,
      hash: row?.hash ?? genesis(this.#hash, tenant, TENANT_STREAM),
    };
  }

  /** Refuses to extend a chain that does not verify: safe halt beats a wrong answer. */
  #verify(tenant: string): void {
    const fault = verifyChain(this.#hash, tenant, TENANT_STREAM, this.#rows(tenant));
    if (fault !== null)
      throw new AuditUnavailable(`store_corrupt: tenant stream at seq ${fault.seq}`);
    this.#verified.add(tenant);
  }
}
