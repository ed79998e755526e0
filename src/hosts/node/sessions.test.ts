import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AuditUnavailable, type Session } from "../../gateway/ports.ts";
import { ALLOWANCE_WINDOW_MS, MAX_UNBUDGETED_BYTES } from "./allowance.ts";
import { DataFolderBusy, openDataFolder } from "./database.ts";
import { settleInterrupted } from "./reconcile.ts";
import { callCommand, hostOn, openCommand, temporaryFolder, WRITE } from "./testing.ts";

type Host = ReturnType<typeof hostOn>;

async function opened(host: Host, workflow = "wf_1"): Promise<Session> {
  const session = host.sessions.create("acme", workflow);
  await session.submit(openCommand(workflow, session.keyDigest));
  return session;
}

function types(host: Host, workflow = "wf_1"): string[] {
  return host.folder.db
    .prepare("SELECT type FROM event WHERE workflow = ? ORDER BY seq")
    .all(workflow)
    .map((row) => String(row["type"]));
}

/** Makes every commit fail, as a full disk does. */
function breakDisk(host: Host): () => void {
  host.folder.db.exec(
    "CREATE TEMP TRIGGER full BEFORE INSERT ON main.event BEGIN SELECT RAISE(ABORT, 'full'); END",
  );
  return () => host.folder.db.exec("DROP TRIGGER full");
}

describe("group commit", () => {
  it("answers only after the commit that holds the event", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    const submitted = session.submit(callCommand("call_1"));
    expect(types(host)).toEqual(["workflow.opened"]);
    await submitted;
    expect(types(host)).toEqual(["workflow.opened", "call.admitted"]);
  });

  it("puts all appends of one turn into one transaction", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    let commits = 0;
    const db = host.folder.db;
    const before = db.prepare("SELECT total_changes() AS n");
    const submits = Array.from({ length: 50 }, (_, at) =>
      session.submit(callCommand(`call_${at}`)),
    );
    const changes = Number(before.get()?.["n"]);
    void Promise.all(submits.map((one) => one.then(() => commits++)));
    host.journal.flush();
    expect(Number(before.get()?.["n"]) - changes).toBe(50 * 3);
    await Promise.all(submits);
    expect(types(host)).toHaveLength(51);
  });

  it("fails the whole batch of a failed commit and goes on from the disk", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const one = await opened(host, "wf_1");
    const two = await opened(host, "wf_2");
    const repair = breakDisk(host);
    const results = await Promise.allSettled([
      one.submit(callCommand("call_1")),
      one.submit(callCommand("call_2")),
      two.submit(callCommand("call_3")),
    ]);
    expect(results.map((result) => result.status)).toEqual(["rejected", "rejected", "rejected"]);
    for (const result of results) {
      expect(result.status === "rejected" && result.reason).toBeInstanceOf(AuditUnavailable);
    }
    expect(one.state.used.calls).toBe(0);
    repair();
    expect((await one.submit(callCommand("call_4"))).result.kind).toBe("admitted");
    expect(types(host)).toEqual(["workflow.opened", "call.admitted"]);
    expect(one.state.next).toBe(2);
  });

  it("keeps no workflow whose first event never became durable", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const repair = breakDisk(host);
    const session = host.sessions.create("acme", "wf_1");
    await expect(session.submit(openCommand("wf_1", session.keyDigest))).rejects.toBeInstanceOf(
      AuditUnavailable,
    );
    repair();
    expect(await host.sessions.find("acme", "wf_1")).toBeNull();
  });

  it("wakes who waits for a call whose admission is lost: there will be no end of it", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    breakDisk(host);
    const admitted = session.submit(callCommand("call_1"));
    const moved = session.moved(session.state.next - 1, 60_000);
    await expect(admitted).rejects.toBeInstanceOf(AuditUnavailable);
    expect(await moved).toBe(true);
    expect(session.state.inFlight).toEqual([]);
  });

  it("runs with synchronous=FULL and WAL on the live connection", () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const pragma = (name: string) =>
      Object.values(host.folder.db.prepare(`PRAGMA ${name}`).get()!)[0];
    expect(pragma("synchronous")).toBe(2);
    expect(pragma("journal_mode")).toBe("wal");
  });

  it("lets nobody change or delete an event", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    await opened(host);
    expect(() => host.folder.db.exec("UPDATE event SET type = 'x'")).toThrow("append only");
    expect(() => host.folder.db.exec("DELETE FROM event")).toThrow("append only");
  });
});

describe("what no budget pays for", () => {
  const NOTE = "x".repeat(200 * 1_024);

  it("counts small events, too: a chain has to be read again some day", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    const renewals = Array.from({ length: 2_000 }, () =>
      session.submit({ type: "renew", seat: "seat_1" }),
    );
    const done = (await Promise.all(renewals)).filter(({ result }) => result.kind === "done");
    expect(done).toHaveLength(1_024);
    expect(types(host)).toHaveLength(1 + 1_024);
  });

  it("is not used up for the agent that the human started by one that it called on", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    const taker = { seat: "seat_2", agent: "helper", jkt: "jkt_2", key: "own" } as const;
    await session.submit({ type: "seat", parent: "seat_1", ...taker, call: null });
    const renew = async (seat: string): Promise<string> =>
      (await session.submit({ type: "renew", seat })).result.kind;
    await Promise.all(Array.from({ length: 1_024 }, () => renew("seat_2")));
    expect(await renew("seat_2")).toBe("failed");
    expect(await renew("seat_1")).toBe("done");
  });

  it.each([
    ["refused calls", { ...callCommand("call_1"), tool: "nope", shaped: null, arguments: NOTE }],
    ["checkpoints", { type: "checkpoint", seat: "seat_1", value: NOTE, bytes: NOTE.length }],
  ] as const)("does not fill the disk: %s", async (_name, command) => {
    using folder = temporaryFolder();
    let now = Date.UTC(2026, 10, 22);
    using host = hostOn(folder.path, { now: () => now });
    const session = await opened(host);
    const stored = (): number =>
      Number(host.folder.db.prepare("SELECT sum(length(bytes)) AS n FROM sealed").get()?.["n"]);
    for (let n = 0; n < 120; n++) await session.submit(command);
    expect(stored()).toBeLessThan(MAX_UNBUDGETED_BYTES + 1_024 * 1_024);
    const limited = { kind: "failed", code: "rate_limited", retryAfterMs: ALLOWANCE_WINDOW_MS };
    expect((await session.submit(command)).result).toEqual(limited);
    // What its budget pays for goes on.
    expect((await session.submit(callCommand("call_2"))).result.kind).toBe("admitted");
    now += ALLOWANCE_WINDOW_MS;
    expect((await session.submit(command)).result).not.toEqual(limited);
  });
});

describe("the end of a process", () => {
  it("refuses what comes after the record is closed, and goes on", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    const last = session.submit(callCommand("call_1"));
    host.journal.close();
    await last;
    await expect(session.submit(callCommand("call_2"))).rejects.toBeInstanceOf(AuditUnavailable);
    expect(types(host)).toEqual(["workflow.opened", "call.admitted"]);
  });

  it("tells every writer of a batch when even the rollback is impossible", async () => {
    using folder = temporaryFolder();
    const host = hostOn(folder.path);
    const session = await opened(host);
    const submitted = session.submit(callCommand("call_1"));
    host.folder[Symbol.dispose]();
    expect(() => host.journal.flush()).not.toThrow();
    await expect(submitted).rejects.toBeInstanceOf(AuditUnavailable);
  });

  it("waits for a call that is out although nobody waits for its answer any more", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    await session.submit(callCommand("call_1"));
    let settled = false;
    const waiting = host.sessions.settled(60_000).then(() => (settled = true));
    await new Promise(setImmediate);
    expect(settled).toBe(false);
    const settlement = { kind: "failed", code: "connector_lost", effect: "possible" } as const;
    const settling = session.submit({ type: "settle", call: "call_1", settlement, runtimeMs: 5 });
    await waiting;
    host.journal.close();
    await settling;
    expect(types(host)).toEqual(["workflow.opened", "call.admitted", "call.settled"]);
  });

  it("does not wait longer than it was told to for a call that never ends", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    await (await opened(host)).submit(callCommand("call_1"));
    await host.sessions.settled(1);
    await host.sessions.settled(0);
  });
});

describe("a data folder", () => {
  it("has one owner", () => {
    using folder = temporaryFolder();
    using _host = hostOn(folder.path);
    expect(() => openDataFolder(folder.path)).toThrow(DataFolderBusy);
  });

  it("is closed to others, also one that was there before with other modes", () => {
    using folder = temporaryFolder();
    chmodSync(folder.path, 0o755);
    using _host = hostOn(folder.path);
    const mode = (...of: string[]): number => statSync(join(folder.path, ...of)).mode & 0o777;
    expect(mode()).toBe(0o700);
    expect(mode("keys")).toBe(0o700);
    for (const file of ["postern.db", "postern.db-wal", "postern.db-shm", "lock.db"]) {
      expect(mode(file)).toBe(0o600);
    }
    expect(mode("keys", "wrapping.key")).toBe(0o600);
  });

  it("gets a whole key where a full disk once left half of one", () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "keys"));
    writeFileSync(join(folder.path, "keys", "wrapping.key.new"), "half", { mode: 0o644 });
    using _host = hostOn(folder.path);
    expect(readdirSync(join(folder.path, "keys"))).toEqual(["wrapping.key"]);
    expect(statSync(join(folder.path, "keys", "wrapping.key")).mode & 0o777).toBe(0o600);
  });

  it("holds no argument in the clear, in the database or its WAL", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    await session.submit(callCommand("call_1"));
    const written = ["postern.db", "postern.db-wal"].map((file) =>
      readFileSync(join(folder.path, file)).toString("latin1"),
    );
    expect(written.join("")).not.toContain("canary-in-arguments");
    // The same search finds what is there in the clear.
    expect(written.join("")).toContain("call.admitted");
  });
});

describe("after a restart", () => {
  it("settles what was in flight: reads failed, mutations unknown", async () => {
    using folder = temporaryFolder();
    {
      using host = hostOn(folder.path);
      const session = await opened(host);
      await session.submit(callCommand("call_read"));
      await session.submit(callCommand("call_write", WRITE));
    }
    using host = hostOn(folder.path);
    expect(settleInterrupted(host.directory, host.sessions, host.journal).workflows).toBe(1);
    const settled = host.folder.db
      .prepare(
        "SELECT call, bytes ->> 'outcome' AS outcome, bytes ->> 'code' AS code FROM event WHERE type = 'call.settled' ORDER BY seq",
      )
      .all();
    expect(settled.map((row) => ({ ...row }))).toEqual([
      { call: "call_read", outcome: "failed", code: "interrupted" },
      { call: "call_write", outcome: "outcome_unknown", code: "interrupted" },
    ]);
    expect(host.directory.openCalls("acme", "con_1")).toEqual([
      { call: "call_write", workflow: "wf_1" },
    ]);
  });

  it("settles what was in flight once there is a bundle again", async () => {
    using folder = temporaryFolder();
    {
      using host = hostOn(folder.path);
      await (await opened(host)).submit(callCommand("call_1"));
    }
    let active = false;
    using host = hostOn(folder.path, { active: () => active });
    settleInterrupted(host.directory, host.sessions, host.journal);
    expect(types(host)).toEqual(["workflow.opened", "call.admitted"]);
    active = true;
    await host.sessions.find("acme", "wf_1");
    host.journal.flush();
    expect(types(host)).toEqual(["workflow.opened", "call.admitted", "call.settled"]);
  });

  it("does not settle what this process still carries, even when the session was evicted", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    await session.submit(callCommand("call_1"));
    const repair = breakDisk(host);
    await session.submit(callCommand("call_2")).catch(() => undefined);
    repair();
    expect(session.state.inFlight.map(({ call }) => call)).toEqual(["call_1"]);
    const settlement = { kind: "failed", code: "upstream_error", effect: "possible" } as const;
    const { result } = await session.submit({
      type: "settle",
      call: "call_1",
      settlement,
      runtimeMs: 5,
    });
    expect(result).toMatchObject({ kind: "settled", outcome: "failed", code: "upstream_error" });
  });

  it("refuses to extend a chain with a changed event", async () => {
    using folder = temporaryFolder();
    {
      using host = hostOn(folder.path);
      await opened(host);
      host.folder.db.exec("DROP TRIGGER event_no_update");
      host.folder.db.exec("UPDATE event SET bytes = replace(bytes, '\"test\"', '\"tost\"')");
    }
    using host = hostOn(folder.path);
    await expect(host.sessions.find("acme", "wf_1")).rejects.toBeInstanceOf(AuditUnavailable);
  });

  it("shows a workflow to its own tenant only", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    await opened(host);
    expect(await host.sessions.find("globex", "wf_1")).toBeNull();
    expect(await host.sessions.find("acme", "wf_2")).toBeNull();
    expect(await host.sessions.find("acme", "wf_1")).not.toBeNull();
  });
});

describe("single use", () => {
  it("holds within a batch and over a restart", async () => {
    using folder = temporaryFolder();
    const later = Date.UTC(2027, 0, 1);
    {
      using host = hostOn(folder.path);
      const spends = [1, 2].map(() => host.directory.spend("human", "acme", "h1", later));
      expect(await Promise.all(spends)).toEqual([true, false]);
      expect(await host.directory.spend("agent", "acme", "h1", later)).toBe(true);
    }
    using host = hostOn(folder.path);
    expect(await host.directory.spend("human", "acme", "h1", later)).toBe(false);
    expect(await host.directory.spend("human", "globex", "h1", later)).toBe(true);
  });

  it("holds for a request that was judged just before its assertion ended", async () => {
    using folder = temporaryFolder();
    const end = Date.UTC(2027, 0, 1);
    let now = end - 1;
    using host = hostOn(folder.path, { now: () => now });
    expect(await host.directory.spend("human", "acme", "h1", end)).toBe(true);
    // Somebody else's exchange, a moment later, clears away what has ended.
    now = end + 1;
    expect(await host.directory.spend("agent", "acme", "a1", end + 60_000)).toBe(true);
    expect(await host.directory.spend("human", "acme", "h1", end)).toBe(false);
  });

  it("holds when the clock was ahead for minutes and somebody set it right", async () => {
    using folder = temporaryFolder();
    const now = Date.UTC(2027, 0, 1);
    let ahead = 0;
    using host = hostOn(folder.path, { now: () => now + ahead });
    expect(await host.directory.spend("human", "acme", "h1", now + 60_000)).toBe(true);
    ahead = 10 * 60_000;
    expect(await host.directory.spend("agent", "acme", "a1", now + ahead + 60_000)).toBe(true);
    ahead = 0;
    expect(await host.directory.spend("human", "acme", "h1", now + 60_000)).toBe(false);
    // A day later it is forgotten: its own age refuses it.
    ahead = 24 * 60 * 60_000;
    expect(await host.directory.spend("agent", "acme", "a2", now + ahead + 60_000)).toBe(true);
    expect(host.directory.isSpent("human", "acme", "h1")).toBe(false);
  });

  it("knows the latest time of the record, also after the clock was set back", async () => {
    using folder = temporaryFolder();
    let now = Date.UTC(2027, 0, 1);
    using host = hostOn(folder.path, { now: () => now });
    const latest = host.directory.latest();
    const append = (): Promise<void> =>
      host.streams.append("acme", { type: "lock.expired", lock: "lck_1" });
    await append();
    expect(host.directory.latest()).toBe(Math.max(latest, now));
    now -= 300_000;
    await append();
    expect(host.directory.latest()).toBe(now + 300_000);
    host.folder.db.exec("INSERT INTO event VALUES ('acme', 'x', 0, 'x', NULL, 'no JSON', '')");
    expect(host.directory.latest()).toBe(Infinity);
  });

  it("lets one connector in per join code, also when two come at once", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const grant = { network: "acme", tier: "internal", expiresAt: Date.UTC(2027, 0, 1) } as const;
    await host.directory.createJoinCode("acme", "code", grant);
    expect(host.directory.takeJoinCode("globex", "code")).toBeNull();
    expect(host.directory.takeJoinCode("acme", "code")).toEqual(grant);
    expect(host.directory.takeJoinCode("acme", "code")).toBeNull();
    await host.directory.settleJoinCode("acme", "code", null);
    expect(host.directory.takeJoinCode("acme", "code")).toBeNull();
  });
});
