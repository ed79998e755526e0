import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AuditUnavailable, type Session } from "../../gateway/ports.ts";
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

describe("a data folder", () => {
  it("has one owner", () => {
    using folder = temporaryFolder();
    using _host = hostOn(folder.path);
    expect(() => openDataFolder(folder.path)).toThrow(DataFolderBusy);
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
