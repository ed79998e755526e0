import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Child, ChildFailed } from "./child.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "acme-child-"));
});

afterAll(() => rmSync(folder, { recursive: true }));

function program(name: string, source: string): { name: string; args: string[]; log: string } {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, source);
  return { name, args: [file], log: join(folder, `${name}.log`) };
}

const SAYS_READY = `console.log('{"event":"ready","port":7}');`;
const STAYS = "setInterval(() => {}, 1000);";

describe("a child process", () => {
  it("counts as up when it says so, and tells what it announced", async () => {
    const child = await Child.start(program("up", SAYS_READY + STAYS));
    expect(child.facts["port"]).toBe(7);
    await child.stop();
  });

  it("that ends before it is up fails with the end of its log", async () => {
    const start = Child.start(program("broken", "throw new Error('no such database')"));
    await expect(start).rejects.toThrow(/broken ended.*no such database/s);
    await expect(start).rejects.toBeInstanceOf(ChildFailed);
  });

  it("that stays silent fails in time and is gone", async () => {
    const silent = program("silent", `console.error(process.pid); ${STAYS}`);
    const start = Child.start({ ...silent, readyWithinMs: 500 });
    await expect(start).rejects.toThrow("silent was not up in 0.5 s");
    const pid = Number(readFileSync(silent.log, "utf8"));
    expect(pid === 0 || !isAlive(pid)).toBe(true);
  });

  it("is ended with everything it started, also when it does not want to", async () => {
    const stubborn = program(
      "stubborn",
      `import { spawn } from "node:child_process";
       const inner = spawn(process.execPath, ["-e", ${JSON.stringify(STAYS)}]);
       console.log(JSON.stringify({ event: "ready", inner: inner.pid }));
       process.on("SIGTERM", () => process.exit(0));`,
    );
    const child = await Child.start(stubborn);
    const inner = Number(child.facts["inner"]);
    expect(isAlive(inner)).toBe(true);
    await child.stop();
    // The kernel, and whoever inherits it, take a moment to let go of it.
    while (isAlive(inner)) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
