import { appendFile, mkdtemp, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { horizonAt, Journal, type JournalOptions } from "./journal.ts";
import { JournalCorrupt } from "./journal-segment.ts";

let dir: string;
const CURRENT = "journal.jsonl";
const entry = (call: string) => ({ call, txn: `txn_${call}`, record: "ab".repeat(32) });
const text = (name = CURRENT): Promise<string> => readFile(join(dir, name), "utf8");

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
    journal.done("call_2");
    for (const one of [journal, await reopened(journal)]) {
      await one.close();
      expect(one.seen("call_1")).toBe("started");
      expect(one.seen("call_2")).toBe("done");
      expect(one.seen("call_3")).toBe("never");
    }
  });

  it("writes this, which auditors read", async () => {
    const journal = await Journal.open(dir, "");
    await journal.started(entry("call_1"));
    journal.done("call_1");
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
    expect(journal.seen("call_1")).toBe("started");
    await writing;
    await journal.close();
  });

  it("cuts a torn last line off and goes on behind it", async () => {
    const journal = await Journal.open(dir, "");
    await journal.started(entry("call_1"));
    await journal.close();
    await appendFile(join(dir, CURRENT), '{"call":"call_2","txn":"tx');
    const again = await Journal.open(dir, "");
    expect(again.seen("call_1")).toBe("started");
    expect(again.seen("call_2")).toBe("never");
    await again.started(entry("call_3"));
    const last = await reopened(again);
    expect(last.seen("call_3")).toBe("started");
    await last.close();
  });

  it("refuses to start over a line in the middle that does not read", async () => {
    for (const bad of ["garbage\n", "{}\n", '{"call":1}\n', "\n"]) {
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
    expect(journal.seen("call_018fffffffff7fffffffffffffffffff")).toBe("unknown");
    expect(journal.seen("call_01900000000070000000000000000000")).toBe("unknown");
    expect(journal.seen("call_01900000000170000000000000000000")).toBe("never");
    await journal.close();
  });

  it("forgets the oldest calls in turn, and says unknown of them", async () => {
    const journal = await Journal.open(dir, "", { maxBytes: 1_000 });
    const name = (at: number): string => `call_${String(at).padStart(4, "0")}`;
    for (let at = 0; at < 40; at++) await journal.started(entry(name(at)));
    for (const one of [journal, await reopened(journal, { maxBytes: 1_000 })]) {
      await one.close();
      expect(one.seen(name(0))).toBe("unknown");
      expect(one.seen(name(39))).toBe("started");
      expect(one.seen(name(40))).toBe("never");
      const states = Array.from({ length: 40 }, (_, at) => one.seen(name(at)));
      expect(states).not.toContain("never");
      expect(states.lastIndexOf("unknown")).toBe(states.indexOf("started") - 1);
    }
  });

  it("finishes a rotation that stopped between its two renames", async () => {
    const journal = await Journal.open(dir, "");
    await journal.started(entry("call_1"));
    await journal.close();
    await rename(join(dir, CURRENT), join(dir, "journal.1.jsonl"));
    await writeFile(join(dir, "journal.next.jsonl"), '{"journal":1,"horizon":"call_0"}\n');
    const again = await Journal.open(dir, "call_9");
    expect(again.seen("call_0")).toBe("unknown");
    expect(again.seen("call_1")).toBe("started");
    expect(again.seen("call_2")).toBe("never");
    await again.close();
  });

  it("says so when the disk does not take a line, and recovers when it does", async () => {
    const disk = new FaultyDisk();
    const journal = await Journal.open(dir, "", { open: disk.open });
    await journal.started(entry("call_1"));
    const before = await text();
    disk.full = true;
    expect(await journal.started(entry("call_2"))).toBe(false);
    expect(journal.seen("call_2")).toBe("never");
    journal.done("call_1");
    expect(await journal.started(entry("call_3"))).toBe(false);
    expect(journal.seen("call_1")).toBe("done");
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
