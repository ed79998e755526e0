import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { horizonAt, Journal, type JournalOptions } from "./journal.ts";
import { JournalCorrupt } from "./journal-segment.ts";

let dir: string;
const CURRENT = "journal.jsonl";
const entry = (call: string) => ({ call, txn: `txn_${call}`, record: "ab".repeat(32) });
/** Which file it was begun as is different each time. */
const text = async (name = CURRENT): Promise<string> =>
  (await readFile(join(dir, name), "utf8")).replace(/,"file":"[0-9]+-[0-9]+"/, "");

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-journal-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe("the journal", () => {
  it("knows what was started and done, also after a restart", async () => {
    const journal = await Journal.open(dir, "");
    expect(await journal.started(entry("call_1"))).toBe(true);
    expect(await journal.started(entry("call_2"))).toBe(true);
    journal.done("call_2", "possible");
    for (const one of [journal, await reopened(journal)]) {
      await one.close();
      expect(one.seen("call_1").state).toBe("started");
      expect(one.seen("call_2").state).toBe("done");
      expect(one.seen("call_3").state).toBe("never");
    }
  });

  it("writes this, which auditors read", async () => {
    const journal = await Journal.open(dir, "");
    await journal.started(entry("call_1"));
    journal.done("call_1", "possible");
    await journal.close();
    expect(await text()).toBe(
      '{"journal":1,"horizon":""}\n' +
        `{"call":"call_1","txn":"txn_call_1","record":"${"ab".repeat(32)}"}\n` +
        '{"done":"call_1"}\n',
    );
    expect((await stat(join(dir, CURRENT))).mode & 0o777).toBe(0o600);
  });

  it("has the line on disk when it says so, whoever started in the same turn", async () => {
    const journal = await Journal.open(dir, "");
    const all = await Promise.all(
      Array.from({ length: 200 }, async (_, at) => {
        const durable = await journal.started(entry(`call_${at}`));
        return durable && (await text()).includes(`"txn_call_${at}"`);
      }),
    );
    expect(all).toEqual(Array(200).fill(true));
    await journal.close();
  });

  it("says started from the moment it was asked, durable or not", async () => {
    const journal = await Journal.open(dir, "");
    const writing = journal.started(entry("call_1"));
    expect(journal.seen("call_1").state).toBe("started");
    await writing;
    await journal.close();
  });

  it("keeps what a service said of a request: made, or refused; the gateway may never hear of it", async () => {
    const journal = await Journal.open(dir, "");
    for (const effect of ["made", "none", "possible"] as const) {
      await journal.started(entry(effect));
      journal.done(effect, effect);
    }
    for (const one of [journal, await reopened(journal)]) {
      await one.close();
      expect(one.seen("made").state).toBe("committed");
      expect(one.seen("none").state).toBe("aborted");
      expect(one.seen("possible").state).toBe("done");
    }
  });

  it("names the transaction of a write, which can be asked about, also after a restart", async () => {
    const transaction = { destination: "billing", xid: "18446744073709551615" };
    const journal = await Journal.open(dir, "");
    await journal.started({ ...entry("call_1"), transaction });
    journal.done("call_1", "possible");
    await journal.started({ ...entry("call_2"), transaction });
    journal.done("call_2", "made");
    await journal.started({ ...entry("call_3"), transaction });
    journal.done("call_3", "none");
    for (const one of [journal, await reopened(journal)]) {
      await one.close();
      expect(one.seen("call_1")).toEqual({ state: "started", transaction });
      expect(one.seen("call_2")).toEqual({ state: "committed", transaction: null });
      expect(one.seen("call_3")).toEqual({ state: "aborted", transaction: null });
    }
    const line = (call: string): string =>
      `{"call":"${call}","txn":"txn_${call}","record":"${"ab".repeat(32)}","destination":"billing","xid":"18446744073709551615"}\n`;
    expect(await text()).toBe(
      `{"journal":1,"horizon":""}\n${line("call_1")}${line("call_2")}` +
        `{"done":"call_2","state":"committed"}\n${line("call_3")}{"done":"call_3","state":"aborted"}\n`,
    );
  });

  it("keeps what the database said of a transaction, and changes no end", async () => {
    const transaction = { destination: "billing", xid: "731" };
    const journal = await Journal.open(dir, "");
    await journal.started({ ...entry("call_1"), transaction });
    journal.settled("call_1", "aborted");
    journal.settled("call_1", "committed");
    journal.done("call_1", "made");
    journal.settled("call_2", "committed");
    const again = await reopened(journal);
    expect(again.seen("call_1").state).toBe("aborted");
    expect(again.seen("call_2").state).toBe("never");
    await again.close();
  });

  it("keeps a transaction without an end over a rotation", async () => {
    const transaction = { destination: "billing", xid: "731" };
    const journal = await Journal.open(dir, "", { maxBytes: 300 });
    await journal.started({ ...entry("call_1"), transaction });
    await journal.started(entry("call_2"));
    journal.done("call_1", "possible");
    const again = await reopened(journal);
    expect(again.seen("call_1")).toEqual({ state: "started", transaction });
    again.settled("call_1", "committed");
    const last = await reopened(again);
    expect(last.seen("call_1").state).toBe("committed");
    await last.close();
  });

  it("does not deny a call that is on its way to its line, and does once it came to nothing", async () => {
    const journal = await Journal.open(dir, "");
    journal.taken("call_1");
    journal.taken("call_1");
    journal.done("call_1", "none");
    expect(journal.seen("call_1").state).toBe("started");
    journal.done("call_1", "none");
    expect(journal.seen("call_1").state).toBe("never");
    await journal.close();
    expect(await text()).toBe('{"journal":1,"horizon":""}\n');
  });

  it("cuts a torn last line off and goes on behind it", async () => {
    const journal = await Journal.open(dir, "");
    await journal.started(entry("call_1"));
    await journal.close();
    await appendFile(join(dir, CURRENT), '{"call":"call_2","txn":"tx');
    const again = await Journal.open(dir, "");
    expect(again.seen("call_1").state).toBe("started");
    expect(again.seen("call_2").state).toBe("never");
    await again.started(entry("call_3"));
    const last = await reopened(again);
    expect(last.seen("call_3").state).toBe("started");
    await last.close();
  });

  it("refuses to start over a line in the middle that does not read", async () => {
    for (const bad of [
      "garbage\n",
      "{}\n",
      '{"call":1}\n',
      "\n",
      '{"call":"call_1","xid":"7"}\n',
      '{"call":"call_1","destination":"billing"}\n',
      '{"call":"call_1","destination":"billing","xid":"7; select 1"}\n',
      '{"call":"call_1","destination":"billing","xid":7}\n',
      '{"done":"call_1","state":"never"}\n',
      '{"done":"call_1","state":"started"}\n',
    ]) {
      await writeFile(join(dir, CURRENT), `{"journal":1,"horizon":""}\n${bad}{"done":"call_1"}\n`);
      await expect(Journal.open(dir, "")).rejects.toMatchObject({
        name: "JournalCorrupt",
        line: 2,
      });
    }
    await writeFile(join(dir, CURRENT), "");
    await expect(Journal.open(dir, "")).rejects.toBeInstanceOf(JournalCorrupt);
  });

  it("does not deny what may have happened before it existed", async () => {
    const journal = await Journal.open(dir, horizonAt(0x0190_0000_0000));
    expect(journal.seen("call_018fffffffff7fffffffffffffffffff").state).toBe("unknown");
    expect(journal.seen("call_01900000000070000000000000000000").state).toBe("unknown");
    expect(journal.seen("call_01900000000170000000000000000000").state).toBe("never");
    await journal.close();
  });

  it("does not deny what it was copied too early to know", async () => {
    const journal = await Journal.open(dir, "");
    await journal.started(entry("call_1"));
    const [old, copy] = [join(dir, CURRENT), join(dir, "copy")];
    await copyFile(old, copy);
    await journal.started(entry("call_2"));
    await journal.close();
    // A backup that is brought back, and the folder of a second connector, look the same.
    await rename(copy, old);
    const back = await Journal.open(dir, "call_3");
    for (const one of [back, await reopened(back)]) {
      await one.close();
      expect(one.seen("call_1").state).toBe("started");
      expect(one.seen("call_2").state).toBe("unknown");
      expect(one.seen("call_4").state).toBe("never");
    }
  });

  it("forgets the oldest calls in turn, and says unknown of them", async () => {
    const journal = await Journal.open(dir, "", { maxBytes: 1_000 });
    const name = (at: number): string => `call_${String(at).padStart(4, "0")}`;
    for (let at = 0; at < 40; at++) await journal.started(entry(name(at)));
    for (const one of [journal, await reopened(journal, { maxBytes: 1_000 })]) {
      await one.close();
      expect(one.seen(name(0)).state).toBe("unknown");
      expect(one.seen(name(39)).state).toBe("started");
      expect(one.seen(name(40)).state).toBe("never");
      const states = Array.from({ length: 40 }, (_, at) => one.seen(name(at)).state);
      expect(states).not.toContain("never");
      expect(states.lastIndexOf("unknown")).toBe(states.indexOf("started") - 1);
    }
  });

  it("finishes a rotation that stopped between its two renames", async () => {
    const journal = await Journal.open(dir, "");
    await journal.started(entry("call_1"));
    await journal.close();
    await rename(join(dir, CURRENT), join(dir, "journal.1.jsonl"));
    const next = join(dir, "next");
    await mkdir(next);
    await (await Journal.open(next, "call_0")).close();
    await rename(join(next, CURRENT), join(dir, "journal.next.jsonl"));
    const again = await Journal.open(dir, "call_9");
    expect(again.seen("call_0").state).toBe("unknown");
    expect(again.seen("call_1").state).toBe("started");
    expect(again.seen("call_2").state).toBe("never");
    await again.close();
  });

  describe("of a call that is sent again", () => {
    const states = async (journal: Journal): Promise<readonly string[]> => {
      const now = journal.seen("call_1").state;
      const later = await reopened(journal);
      await later.close();
      return [now, later.seen("call_1").state];
    };

    it("does not take a refusal for a proof that nothing happened before", async () => {
      for (const first of ["possible", null] as const) {
        const journal = await Journal.open(dir, "");
        await journal.started(entry("call_1"));
        if (first !== null) journal.done("call_1", first);
        await journal.started(entry("call_1"));
        journal.done("call_1", "none");
        expect(await states(journal)).toEqual(["done", "done"]);
        await rm(join(dir, CURRENT));
      }
    });

    it("does not take it for one after a restart, or in another segment, either", async () => {
      let journal = await Journal.open(dir, "");
      await journal.started(entry("call_1"));
      journal = await reopened(journal);
      await journal.started(entry("call_1"));
      journal.done("call_1", "none");
      expect(await states(journal)).toEqual(["done", "done"]);
      await rm(join(dir, CURRENT));

      journal = await Journal.open(dir, "", { maxBytes: 1 });
      await journal.started(entry("call_1"));
      await journal.started(entry("call_1"));
      journal.done("call_1", "none");
      expect(journal.seen("call_1").state).toBe("done");
      await journal.close();
    });

    it("knows that it took effect as soon as one of them did, whatever the others say", async () => {
      for (const ends of [
        ["possible", "made"],
        ["made", "possible"],
        ["made", "none"],
      ] as const) {
        const journal = await Journal.open(dir, "");
        for (const end of ends) {
          await journal.started(entry("call_1"));
          journal.done("call_1", end);
        }
        expect(await states(journal)).toEqual(["committed", "committed"]);
        await rm(join(dir, CURRENT));
      }
      // Both under way at once.
      const journal = await Journal.open(dir, "");
      await journal.started(entry("call_1"));
      await journal.started(entry("call_1"));
      journal.done("call_1", "possible");
      journal.done("call_1", "made");
      expect(await states(journal)).toEqual(["committed", "committed"]);
    });

    it("remembers over two segments that it took effect", async () => {
      const journal = await Journal.open(dir, "", { maxBytes: 400 });
      await journal.started(entry("call_1"));
      journal.done("call_1", "made");
      await journal.started(entry("call_2"));
      await journal.started(entry("call_1"));
      expect((await text("journal.1.jsonl")).length).toBeGreaterThan(0);
      expect(await states(journal)).toEqual(["committed", "committed"]);
    });

    it("never says never because the disk did not take the second line", async () => {
      const disk = new FaultyDisk();
      const journal = await Journal.open(dir, "", { open: disk.open });
      await journal.started(entry("call_1"));
      disk.full = true;
      expect(await Promise.all([1, 2].map(() => journal.started(entry("call_1"))))).toEqual([
        false,
        false,
      ]);
      expect(journal.seen("call_1").state).toBe("started");
      await journal.close();
    });
  });

  it("says so when the disk does not take a line, and recovers when it does", async () => {
    const disk = new FaultyDisk();
    const journal = await Journal.open(dir, "", { open: disk.open });
    await journal.started(entry("call_1"));
    const before = await text();
    disk.full = true;
    expect(await journal.started(entry("call_2"))).toBe(false);
    expect(journal.seen("call_2").state).toBe("never");
    journal.done("call_1", "possible");
    expect(await journal.started(entry("call_3"))).toBe(false);
    expect(journal.seen("call_1").state).toBe("done");
    disk.full = false;
    expect(await journal.started(entry("call_4"))).toBe(true);
    expect(await text()).toBe(`${before}${JSON.stringify(entry("call_4"))}\n`);
    await journal.close();
  });
});

/** What was asked of it stays known after closing. */
async function reopened(journal: Journal, options: JournalOptions = {}): Promise<Journal> {
  await journal.close();
  return Journal.open(dir, "", options);
}

/** Takes half a line, then is full. */
class FaultyDisk {
  full = false;
  readonly open = (async (...args: Parameters<typeof open>) => {
    const file = await open(...args);
    const write = file.write.bind(file) as (...args: unknown[]) => Promise<unknown>;
    const faulty = async (bytes: Buffer, at: number, length: number, position: number) => {
      if (!this.full) return write(bytes, at, length, position);
      await write(bytes, at, 5, position);
      throw Object.assign(new Error("no space"), { code: "ENOSPC" });
    };
    return Object.assign(file, { write: faulty });
  }) as typeof open;
}
