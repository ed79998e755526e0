import { copyFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import type { Bundle } from "../../gateway/ports.ts";
import { testKey } from "../../tunnel/testing.ts";
import { thumbprint } from "../../tunnel/keys.ts";
import { openReadOnly } from "./database.ts";
import { type Finding, Inspection } from "./inspect.ts";
import { sha256 } from "./keys.ts";
import { callCommand, hostOn, openCommand, temporaryFolder, WRITE } from "./testing.ts";

const FLIPS = 400;
const SEED = Number(process.env["POSTERN_SEED"] ?? 20_261_122);
const FILES = { "bundle.jsonc": "{}" };
const digestOf = (files: object): string =>
  JSON.stringify(files) === JSON.stringify(FILES) ? sha256("bundle") : "";

/** mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A stopped gateway's data folder: three workflows of every kind of event. */
async function recorded(path: string): Promise<void> {
  using host = hostOn(path);
  await host.directory.activate("acme", sha256("bundle"), FILES);
  const { kty, crv, x } = testKey().jwk;
  const publicKey = { kty, crv, x };
  const record = { tenant: "acme", id: "con_1", publicKey, network: "acme", tier: "internal" };
  const jkt = thumbprint(publicKey);
  await host.directory.settleJoinCode("acme", "code", {
    record: { ...record, tier: "internal" },
    jkt,
  });
  const connector = host.directory.connector("acme", "con_1")!;
  await host.directory.rekeyConnector(connector, { kty, crv, x: testKey().jwk.x });
  await host.directory.settleJoinCode("acme", "code of another", {
    record: { ...record, id: "con_2", tier: "internal" },
    jkt,
  });
  await host.directory.removeConnector("acme", "con_2");
  for (const workflow of ["wf_1", "wf_2", "wf_3"]) {
    const session = host.sessions.create("acme", workflow);
    await session.submit(openCommand(workflow, session.keyDigest));
    for (let n = 0; n < 12; n++) {
      const call = `call_${workflow}_${n}`;
      await session.submit(callCommand(call, n % 3 === 0 ? WRITE : undefined));
      const settlement =
        n % 4 === 0
          ? ({ kind: "failed", code: "deadline_exceeded", effect: "possible" } as const)
          : ({
              kind: "answered",
              redactions: [],
              dropped: 0,
              undeclared: 0,
              truncated: false,
              bytes: 9,
              canaries: 0,
            } as const);
      await session.submit({ type: "settle", call, settlement, runtimeMs: n }, () =>
        n === 1 ? { outcome: { outcome: "ok", call } } : {},
      );
    }
    await session.submit({ type: "checkpoint", seat: "seat_1", value: { workflow }, bytes: 20 });
  }
}

interface RecordRow {
  readonly workflow: string;
  readonly seq: number;
  readonly row: string;
}

/** Every event and sealed row, as a reader gets them; null where the file cannot be read any more. */
function readRecord(folder: string): readonly RecordRow[] | null {
  try {
    using db = openReadOnly(folder);
    const events = db.prepare("SELECT * FROM event ORDER BY tenant, workflow, seq").all();
    const sealed = db.prepare("SELECT * FROM sealed ORDER BY tenant, workflow, seq, kind").all();
    return [...events, ...sealed].map((row) => ({
      workflow: String(row["workflow"]),
      seq: Number(row["seq"]),
      row: JSON.stringify(row),
    }));
  } catch {
    return null;
  }
}

/** The first number of each workflow at which the two differ. */
function firstChanges(
  before: readonly RecordRow[],
  after: readonly RecordRow[],
): Map<string, number> {
  const [old, now] = [before, after].map((rows) => new Set(rows.map(({ row }) => row)));
  const apart = [
    ...before.filter(({ row }) => now?.has(row) === false),
    ...after.filter(({ row }) => old?.has(row) === false),
  ];
  const first = new Map<string, number>();
  for (const { workflow, seq } of apart)
    first.set(workflow, Math.min(seq, first.get(workflow) ?? seq));
  return first;
}

function inspected(folder: string): readonly Finding[] {
  try {
    using inspection = new Inspection(folder, undefined, {});
    return inspection.verify(digestOf).findings;
  } catch {
    // The command says store_corrupt when the file does not even open.
    return [{ fault: "store_corrupt" }];
  }
}

function replayed(folder: string): unknown {
  const bundle = (): Bundle | null => null;
  using inspection = new Inspection(folder, undefined, {});
  return ["wf_1", "wf_2", "wf_3"].map((workflow) => inspection.replay(workflow, bundle));
}

describe(`audit verify, ${FLIPS} flipped bytes, seed ${SEED}`, () => {
  it("finds nothing in a whole record", async () => {
    using folder = temporaryFolder();
    await recorded(folder.path);
    using inspection = new Inspection(folder.path, undefined, {});
    expect(inspection.verify(digestOf)).toEqual({
      workflows: 3,
      events: 3 * 26 + 5,
      sealed: 3 * 27,
      sealedChecked: true,
      findings: [],
    });
  });

  it("names what a flip changed, says store_corrupt, or the record reads as before", async () => {
    using original = temporaryFolder();
    using copy = temporaryFolder();
    await recorded(original.path);
    cpSync(join(original.path, "keys"), join(copy.path, "keys"), { recursive: true });
    const file = join(copy.path, "postern.db");
    const bytes = readFileSync(join(original.path, "postern.db"));
    copyFileSync(join(original.path, "postern.db"), file);
    const before = readRecord(copy.path);
    if (before === null) throw new Error("the record cannot be read");
    const decisions = replayed(copy.path);
    const random = randomOf(SEED);
    const tally = { named: 0, corrupt: 0, unchanged: 0 };
    for (let flip = 0; flip < FLIPS; flip++) {
      const at = Math.floor(random() * bytes.length);
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      writeFileSync(file, changed);
      const findings = inspected(copy.path);
      if (findings.some(({ fault }) => fault === "store_corrupt")) {
        tally.corrupt++;
        continue;
      }
      const after = readRecord(copy.path);
      const where = `flip ${flip} at byte ${at} of seed ${SEED}`;
      expect(after, where).not.toBeNull();
      const changes = firstChanges(before, after ?? []);
      for (const [workflow, seq] of changes) {
        const finding = findings.find((one) => one.workflow === workflow);
        // A workflow that is not there any more, or was never there, has no number to name.
        expect(finding, `${where}: ${workflow} changed at ${seq}`).toBeDefined();
        expect(finding?.seq ?? seq, where).toBe(seq);
      }
      if (changes.size > 0) tally.named++;
      else {
        tally.unchanged++;
        if (findings.length === 0) expect(replayed(copy.path), where).toEqual(decisions);
      }
    }
    // All three happen; a test that only ever sees one of them shows nothing.
    expect(
      Math.min(tally.named, tally.corrupt, tally.unchanged),
      JSON.stringify(tally),
    ).toBeGreaterThan(0);
  });

  it("names the row when a hand, not a disk, changes it: the file is sound, the record is not", async () => {
    const tamperings: [string, Partial<Finding>][] = [
      [
        "UPDATE event SET bytes = replace(bytes, 'agent', 'Agent') WHERE workflow = 'wf_2' AND seq = 3",
        { fault: "hash", workflow: "wf_2", seq: 3 },
      ],
      [
        "DELETE FROM event WHERE workflow = 'wf_2' AND seq = 5",
        { fault: "gap", workflow: "wf_2", seq: 5 },
      ],
      [
        "DELETE FROM event WHERE workflow = 'wf_2' AND seq = 25",
        { fault: "gap", workflow: "wf_2", seq: 25 },
      ],
      [
        "UPDATE event SET type = 'call.refused' WHERE workflow = 'wf_2' AND seq = 1",
        { fault: "column_differs", workflow: "wf_2", seq: 1 },
      ],
      [
        "UPDATE event SET call = 'call_x' WHERE workflow = 'wf_2' AND seq = 1",
        { fault: "column_differs", workflow: "wf_2", seq: 1 },
      ],
      [
        "UPDATE sealed SET expires = expires + 1 WHERE workflow = 'wf_2' AND seq = 7",
        { fault: "sealed_changed", workflow: "wf_2", seq: 7 },
      ],
      [
        "UPDATE sealed SET bytes = (SELECT bytes FROM sealed WHERE workflow = 'wf_2' AND seq = 8) WHERE workflow = 'wf_2' AND seq = 9",
        { fault: "sealed_changed", workflow: "wf_2", seq: 9 },
      ],
      [
        "DELETE FROM sealed WHERE workflow = 'wf_2' AND seq = 10",
        { fault: "sealed_missing", workflow: "wf_2", seq: 10 },
      ],
      [
        "UPDATE session SET wrapped_key = (SELECT wrapped_key FROM session WHERE workflow = 'wf_1') WHERE workflow = 'wf_2'",
        { fault: "key_unusable", workflow: "wf_2" },
      ],
      ["DELETE FROM event WHERE workflow = 'wf_2'", { fault: "gap", workflow: "wf_2", seq: 0 }],
      [
        "UPDATE event SET bytes = replace(bytes, 'activated', 'Activated') WHERE workflow = 'tenant'",
        { fault: "hash", workflow: "tenant", seq: 0 },
      ],
      ["UPDATE bundle SET files = '{}'", { fault: "bundle_changed" }],
      ["DELETE FROM bundle", { fault: "bundle_changed", tenant: "acme" }],
      [
        `UPDATE connector SET public_key = '${JSON.stringify(testKey().jwk)}'`,
        { fault: "connector_changed", tenant: "acme" },
      ],
      ["UPDATE connector SET tier = 'critical'", { fault: "connector_changed", tenant: "acme" }],
      ["DELETE FROM connector", { fault: "connector_changed", tenant: "acme" }],
      [
        "INSERT INTO connector SELECT 'globex', id, public_key, network, tier FROM connector",
        { fault: "connector_changed", tenant: "globex" },
      ],
    ];
    using original = temporaryFolder();
    await recorded(original.path);
    for (const [sql, expected] of tamperings) {
      using copy = temporaryFolder();
      cpSync(original.path, copy.path, { recursive: true });
      using db = new DatabaseSync(join(copy.path, "postern.db"));
      db.exec(`DROP TRIGGER event_no_update; DROP TRIGGER event_no_delete; ${sql}`);
      expect(inspected(copy.path), sql).toEqual([expect.objectContaining(expected)]);
    }
  });
});
