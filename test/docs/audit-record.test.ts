import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EVENT_TYPES } from "../../src/core/model/event.ts";
import { TENANT_EVENT_TYPES } from "../../src/core/model/tenant-event.ts";
import { everyEvent } from "../../src/core/testing-story.ts";

/** The page an auditor works with, held against the code: its table and its commands. */

const page = readFileSync(new URL("../../docs/protocol/audit-record.md", import.meta.url), "utf8");

describe("the table of events", () => {
  it("names every type, with exactly the members it has", () => {
    const { events } = everyEvent();
    const common = ["type", "seq", "at", "workflow", "input"];
    for (const type of EVENT_TYPES) {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${type}\` `));
      const outer = row!.split("|")[2]!.replaceAll(/\([^)]*\)/g, "");
      const named = [...outer.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
      const event = events.find((one) => one.type === type)!;
      const members = Object.keys(event).filter((name) => !common.includes(name));
      expect(named.sort(), type).toEqual(members.sort());
    }
    for (const type of TENANT_EVENT_TYPES) expect(page).toContain(`\`${type}\``);
  });
});

describe("the commands of the page", () => {
  const commands = /```sh\n([\s\S]*?)```/.exec(page)![1]!;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-docs-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs them as they stand; only the SQLite shell is replaced, by rows in its own format. */
  function verify(rows: readonly string[]): { code: number; output: string } {
    const file = join(folder, "rows");
    writeFileSync(file, rows.map((row) => `${row}\n`).join(""));
    const script = `sqlite3() { cat "${file}"; }\n${commands.replace(/WORKFLOW=\S+/, "WORKFLOW=wf_1")}`;
    try {
      return { code: 0, output: execFileSync("bash", ["-c", script], { encoding: "utf8" }) };
    } catch (error) {
      const { status, stdout } = error as { status: number; stdout: string };
      return { code: status, output: stdout };
    }
  }

  const { stored, head } = everyEvent();
  const rows = stored.map(({ seq, hash, bytes }) => `${seq}|${hash}|${bytes}`);

  it("find the head of a good record", () => {
    expect(verify(rows)).toEqual({ code: 0, output: `${rows.length} events, head ${head}\n` });
  });

  it("name the first bad record", () => {
    const changed = rows.with(4, rows[4]!.replace('"cost":10', '"cost":11'));
    expect(verify(changed)).toEqual({ code: 1, output: "first bad record: 4\n" });
    expect(verify(rows.toSpliced(2, 1))).toEqual({ code: 1, output: "first bad record: 2\n" });
  });
});
