import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const POSTERN = join(import.meta.dirname, "..", "..", "bin", "postern.js");

function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [POSTERN, ...args], (error, out, err) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err });
    });
  });
}

describe("the command line", () => {
  it.each([
    ["--help", 0],
    ["bundle", 2],
    ["nonsense", 2],
    ["call nope", 2],
    ["call show", 2],
    ["connector enroll --network acme --tier secret", 2],
    ["bundle check /nowhere", 3],
    ["workflow list --data /nowhere", 3],
    ["gateway run --config /nowhere.jsonc", 3],
  ])("`postern %s` ends with %i", async (line, code) => {
    expect((await run(line.split(" "))).code).toBe(code);
  });

  it("lists every noun, also when only one of them is loaded otherwise", async () => {
    const { out } = await run(["--help"]);
    for (const noun of ["gateway", "bundle", "connector", "workflow", "call", "audit", "connect"]) {
      expect(out).toMatch(new RegExp(`^  ${noun}\\b`, "m"));
    }
  });

  it("shows control characters of its arguments as what they are", async () => {
    const { err } = await run(["bundle", "check", "/tmp/\u001b[31mred"]);
    expect(err).toContain("\\u001b[31mred");
    expect(err).not.toContain("\u001b");
  });
});
