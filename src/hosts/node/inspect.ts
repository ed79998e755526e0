import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type ChainedEvent, verifyChain } from "../../core/audit/chain.ts";
import { replay, type Replay } from "../../core/audit/replay.ts";
import { readEvent } from "../../core/audit/restore.ts";
import { genesis } from "../../core/audit/chain.ts";
import { TENANT_STREAM } from "../../core/model/tenant-event.ts";
import type { Bundle } from "../../gateway/ports.ts";
import { openReadOnly } from "./database.ts";
import { verifyDirectory } from "./inspect-directory.ts";
import { sha256 } from "./keys.ts";
import { place, sealedPlace } from "./session-store.ts";
import { WorkflowKey } from "./workflow-key.ts";
import { loadWrapping, type WrappingSource } from "./wrapping.ts";
import type { Wrapping } from "./wrapping-key.ts";

/** What is wrong with a record, by its name. `store_corrupt`: the file itself cannot be read. */
export interface Finding {
  readonly fault:
    | "store_corrupt"
    | "gap"
    | "hash"
    | "event_malformed"
    | "column_differs"
    | "sealed_missing"
    | "sealed_changed"
    | "key_unusable"
    | "bundle_changed"
    | "connector_changed";
  readonly tenant?: string;
  readonly workflow?: string;
  readonly seq?: number;
}

export interface Verification {
  readonly workflows: number;
  readonly events: number;
  readonly sealed: number;
  /** False: without the wrapping key only the chains could be checked. */
  readonly sealedChecked: boolean;
  readonly findings: readonly Finding[];
}

interface EventColumns extends ChainedEvent {
  readonly type: string;
  readonly call: string | null;
}

/** Reads a data folder beside a running gateway or without one. Changes nothing. */
export class Inspection implements Disposable {
  readonly #db: DatabaseSync;
  readonly #wrapping: Wrapping | null;

  constructor(folder: string, source: WrappingSource | undefined, env: NodeJS.ProcessEnv) {
    this.#db = openReadOnly(folder);
    // One snapshot for all reads: a gateway that appends meanwhile must not look like a broken chain.
    this.#db.exec("BEGIN");
    const usable = source !== undefined || existsSync(join(folder, "keys", "wrapping.key"));
    this.#wrapping = usable ? loadWrapping(folder, source, env) : null;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  /** Every chain, every sealed row, every bundle; all findings, the first of each workflow. */
  verify(bundleDigest: (files: Record<string, string>) => string | null): Verification {
    const findings: Finding[] = [];
    const counts = { workflows: 0, events: 0, sealed: 0 };
    try {
      this.#integrity(findings);
      for (const { tenant, workflow } of this.#streams()) {
        counts.workflows += workflow === TENANT_STREAM ? 0 : 1;
        const events = this.#events(tenant, workflow);
        counts.events += events.length;
        const finding =
          workflow === TENANT_STREAM
            ? verifyStream(tenant, events)
            : this.#verifyWorkflow(tenant, workflow, events);
        if (finding !== null) findings.push(finding);
      }
      counts.sealed = this.#count("sealed");
      this.#orphans(findings);
      // A broken stream is named already, and says nothing about anything else.
      const broken = new Set(
        findings.filter((one) => one.workflow === TENANT_STREAM).map((one) => one.tenant),
      );
      findings.push(...verifyDirectory(this.#db).filter((one) => !broken.has(one.tenant)));
      for (const { tenant, digest, files } of this.#bundles()) {
        if (bundleDigest(files) !== digest) findings.push({ fault: "bundle_changed", tenant });
      }
    } catch {
      // Whatever SQLite stumbles over is a broken file; its message may hold row content (P10).
      findings.push({ fault: "store_corrupt" });
    }
    return { ...counts, sealedChecked: this.#wrapping !== null, findings };
  }

  /** P8. Null: there is no such workflow. */
  replay(
    workflow: string,
    bundleOf: (files: Record<string, string>) => Bundle | null,
  ): Replay | null {
    const row = this.#db.prepare("SELECT tenant FROM session WHERE workflow = ?").get(workflow) as
      | { tenant: string }
      | undefined;
    if (row === undefined) return null;
    const { tenant } = row;
    const key = this.#key(tenant, workflow);
    const events = this.#events(tenant, workflow);
    const inputs = new Map<number, string | null>();
    for (const { seq, kind, expires, bytes } of this.#sealed(tenant, workflow)) {
      if (kind !== "input") continue;
      // Without the key an input is erased; with it, one that does not open was changed.
      const opened = key === null ? null : (key.open(sealedPlace(seq, kind, expires), bytes) ?? "");
      inputs.set(seq, opened);
    }
    const bundles = new Map<string, Bundle | null>();
    return replay({
      tenant,
      workflow,
      events,
      inputs,
      bundleOf: (digest) => {
        if (!bundles.has(digest)) {
          const stored = this.#bundles(digest).find((one) => one.tenant === tenant);
          bundles.set(digest, stored === undefined ? null : bundleOf(stored.files));
        }
        return bundles.get(digest) ?? null;
      },
      hash: sha256,
      mac: (text) => key?.mac(text) ?? "",
    });
  }

  #verifyWorkflow(
    tenant: string,
    workflow: string,
    events: readonly EventColumns[],
  ): Finding | null {
    const at = { tenant, workflow };
    const rows = this.#sealed(tenant, workflow);
    const sealed = new Map(rows.filter((row) => row.kind === "input").map((row) => [row.seq, row]));
    let key: WorkflowKey | null = null;
    if (this.#wrapping !== null) {
      key = this.#key(tenant, workflow);
      if (key === null) return { fault: "key_unusable", ...at };
    }
    let head = genesis(sha256, tenant, workflow);
    for (const [seq, stored] of events.entries()) {
      const read = readEvent(sha256, head, seq, workflow, stored);
      if (!read.ok) {
        const { fault } = read.fault;
        return {
          fault: fault === "gap" || fault === "hash" ? fault : "event_malformed",
          seq,
          ...at,
        };
      }
      const { event } = read;
      const call = "call" in event ? event.call : null;
      if (stored.type !== event.type || stored.call !== call)
        return { fault: "column_differs", seq, ...at };
      const row = sealed.get(seq);
      if (row === undefined) return { fault: "sealed_missing", seq, ...at };
      if (key !== null) {
        const input = key.open(sealedPlace(seq, row.kind, row.expires), row.bytes);
        if (input === null || key.mac(input) !== event.input)
          return { fault: "sealed_changed", seq, ...at };
      }
      head = stored.hash;
    }
    const extra = rows.find(({ seq }) => seq >= events.length);
    if (extra !== undefined) return { fault: "gap", seq: extra.seq, ...at };
    // What was kept for agents and for an undo: authenticated with its place, like the inputs.
    const changed = rows.find(
      ({ seq, kind, expires, bytes }) =>
        key !== null &&
        kind !== "input" &&
        key.open(sealedPlace(seq, kind, expires), bytes) === null,
    );
    return changed === undefined ? null : { fault: "sealed_changed", seq: changed.seq, ...at };
  }

  /** SQLite's own check finds what no row shows: a broken tree, an index that disagrees. */
  #integrity(findings: Finding[]): void {
    const answers = this.#db.prepare("PRAGMA integrity_check(1)").all() as {
      integrity_check: string;
    }[];
    if (answers[0]?.integrity_check !== "ok") findings.push({ fault: "store_corrupt" });
  }

  /** A session without a first event, or sealed rows of no workflow: something was cut out. */
  #orphans(findings: Finding[]): void {
    const sql = `SELECT DISTINCT tenant, workflow FROM
      (SELECT tenant, workflow FROM session UNION ALL SELECT tenant, workflow FROM sealed) AS named
      WHERE NOT EXISTS (SELECT 1 FROM event WHERE event.tenant = named.tenant AND event.workflow = named.workflow)`;
    for (const row of this.#db.prepare(sql).all() as { tenant: string; workflow: string }[]) {
      findings.push({ fault: "gap", seq: 0, ...row });
    }
  }

  #key(tenant: string, workflow: string): WorkflowKey | null {
    const row = this.#db
      .prepare("SELECT wrapped_key FROM session WHERE tenant = ? AND workflow = ?")
      .get(tenant, workflow) as { wrapped_key: Uint8Array } | undefined;
    if (row === undefined || this.#wrapping === null) return null;
    const key = this.#wrapping.tryUnwrap(place(tenant, workflow), row.wrapped_key);
    return key === null ? null : new WorkflowKey(key);
  }

  #streams(): { tenant: string; workflow: string }[] {
    return this.#db.prepare("SELECT DISTINCT tenant, workflow FROM event").all() as {
      tenant: string;
      workflow: string;
    }[];
  }

  #events(tenant: string, workflow: string): EventColumns[] {
    return this.#db
      .prepare(
        "SELECT seq, type, call, bytes, hash FROM event WHERE tenant = ? AND workflow = ? ORDER BY seq",
      )
      .all(tenant, workflow) as unknown as EventColumns[];
  }

  #sealed(
    tenant: string,
    workflow: string,
  ): { seq: number; kind: string; expires: number; bytes: Uint8Array }[] {
    return this.#db
      .prepare(
        "SELECT seq, kind, expires, bytes FROM sealed WHERE tenant = ? AND workflow = ? ORDER BY seq",
      )
      .all(tenant, workflow) as { seq: number; kind: string; expires: number; bytes: Uint8Array }[];
  }

  #bundles(digest?: string): { tenant: string; digest: string; files: Record<string, string> }[] {
    const rows = (
      digest === undefined
        ? this.#db.prepare("SELECT tenant, digest, files FROM bundle").all()
        : this.#db.prepare("SELECT tenant, digest, files FROM bundle WHERE digest = ?").all(digest)
    ) as { tenant: string; digest: string; files: string }[];
    return rows.map((row) => ({ ...row, files: JSON.parse(row.files) as Record<string, string> }));
  }

  #count(table: "sealed"): number {
    const { n } = this.#db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number };
    return n;
  }
}

function verifyStream(tenant: string, events: readonly EventColumns[]): Finding | null {
  const at = { tenant, workflow: TENANT_STREAM };
  const fault = verifyChain(sha256, tenant, TENANT_STREAM, events);
  if (fault !== null) return { ...fault, ...at };
  const wrong = events.find(
    (stored) => (JSON.parse(stored.bytes) as { type: string }).type !== stored.type,
  );
  return wrong === undefined ? null : { fault: "column_differs", seq: wrong.seq, ...at };
}
