import { describe, expect, it } from "vitest";
import type { Lock, LockTarget } from "../../core/model/lock.ts";
import { LockReach } from "./lock-reach.ts";
import { callCommand, hostOn, openCommand, READ, temporaryFolder, WRITE } from "./testing.ts";

type Host = ReturnType<typeof hostOn>;

/** The gateway's side of the tunnels, as far as a lock sees it. */
class FakeTunnels {
  waiting: string[] = [];
  readonly said: string[] = [];

  pending(): Iterable<string> {
    return this.waiting;
  }

  cut(tenant: string, calls: ReadonlySet<string>): void {
    this.said.push(`cut ${tenant} ${[...calls].join(" ")}`);
  }

  expel(tenant: string, connector: string): void {
    this.said.push(`expel ${tenant} ${connector}`);
  }

  beatNow(tenant: string): void {
    this.said.push(`beat ${tenant}`);
  }
}

/** None of what is locked here is a key of the gateway's own. */
const NO_KEYS = { revoke: () => undefined };

const lock = (target: LockTarget, value: string): Lock => ({ id: "lck_1", target, value });

async function calling(host: Host): Promise<void> {
  for (const workflow of ["wf_1", "wf_2"]) {
    const session = host.sessions.create("acme", workflow);
    await session.submit(openCommand(workflow, session.keyDigest));
    await session.submit(callCommand(`call_read_${workflow}`, READ));
    await session.submit(callCommand(`call_write_${workflow}`, WRITE));
  }
}

describe("what a lock finds under way", () => {
  it.each([
    ["tenant", "acme", 4],
    ["tenant", "globex", 0],
    ["human", "h", 4],
    ["agent", "agent", 4],
    ["key", "jkt", 4],
    ["key", "another", 0],
    ["workflow", "wf_1", 2],
    ["tool", "notes_read", 2],
    ["tool", "notes_find", 0],
    ["destination", "notes", 4],
    ["connector", "con_1", 4],
    ["connector", "con_2", 0],
  ] as const)("of %s %s: %i calls", async (target, value, count) => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    await calling(host);
    const tunnels = new FakeTunnels();
    const reach = new LockReach(host.folder.db, host.sessions, tunnels, NO_KEYS);
    const calls = reach.cut("acme", lock(target, value));
    expect(calls).toHaveLength(count);
    const said = count > 0 ? [`cut acme ${calls.join(" ")}`] : [];
    if (target === "connector") said.push(`expel acme ${value}`);
    expect(tunnels.said).toEqual(said);
    expect(reach.cut("globex", lock(target, value))).toEqual([]);
  });

  it("is found also where a commit that failed took the workflow out of memory", async () => {
    using folder = temporaryFolder();
    {
      using host = hostOn(folder.path);
      await calling(host);
    }
    // Another process: everything is on disk, nothing in memory, and nobody may settle it yet.
    using host = hostOn(folder.path, { active: () => false });
    const tunnels = new FakeTunnels();
    const reach = new LockReach(host.folder.db, host.sessions, tunnels, NO_KEYS);
    tunnels.waiting = ["call_read_wf_1", "call_write_wf_2", "call_of_nobody"];
    expect(host.sessions.inFlight("acme")).toEqual([]);
    expect(reach.cut("acme", lock("tool", "notes_write"))).toEqual([
      "call_write_wf_2",
      "call_of_nobody",
    ]);
  });
});

describe("the end of what was under way", () => {
  it("is a durable one", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    await calling(host);
    const reach = new LockReach(host.folder.db, host.sessions, new FakeTunnels(), NO_KEYS);
    const calls = new Set(["call_read_wf_1", "call_write_wf_1", "call_never_durable"]);
    const open = ["call_read_wf_1", "call_write_wf_1"];
    expect([...reach.unended("acme", calls)]).toEqual(open);
    const session = await host.sessions.find("acme", "wf_1");
    const settled = session?.submit({
      type: "settle",
      call: "call_read_wf_1",
      settlement: { kind: "failed", code: "interrupted", effect: "possible" },
      runtimeMs: 1,
    });
    // In memory it has ended; the disk does not know yet.
    expect([...reach.unended("acme", calls)]).toEqual(open);
    await settled;
    expect([...reach.unended("acme", calls)]).toEqual(["call_write_wf_1"]);
    expect([...reach.unended("acme", new Set())]).toEqual([]);
  });
});

describe("a call whose end was lost with a commit", () => {
  it("gets it as soon as it can be recorded, without anybody asking for its workflow", async () => {
    using folder = temporaryFolder();
    {
      using host = hostOn(folder.path);
      await calling(host);
    }
    using host = hostOn(folder.path);
    const reach = new LockReach(host.folder.db, host.sessions, new FakeTunnels(), NO_KEYS);
    const calls = new Set(["call_read_wf_1", "call_write_wf_1"]);
    expect(reach.unended("acme", calls).size).toBe(2);
    reach.settle("acme", new Set(["call_read_wf_1"]));
    host.journal.flush();
    expect(reach.unended("acme", calls).size).toBe(0);
    expect(host.sessions.inFlight("acme")).toEqual([]);
  });
});
