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
    ["init", 2],
    ["nonsense", 2],
    ["call nope", 2],
    ["call show", 2],
    ["connector enroll --network acme --tier secret", 2],
    ["lock", 2],
    ["lock add", 2],
    ["lock add tool lab_note", 2],
    ["lock add nothing lab_note --reason x", 2],
    ["lock add tool lab_note --reason x --for 0m", 2],
    ["lock add tool lab_note --reason x --data /nowhere", 3],
    ["lock list --data /nowhere", 3],
    ["lock remove lck_1 --data /nowhere", 3],
    ["key", 2],
    ["key list --data /nowhere", 3],
    ["key rotate --data /nowhere", 3],
    ["key rotate --purpose sessions --data /nowhere", 2],
    ["key rotate now --data /nowhere", 2],
    ["trust", 2],
    ["trust who-can", 2],
    ["trust who-can lab_note --data /nowhere", 3],
    ["trust show --data /nowhere", 3],
    ["bundle check /nowhere", 3],
    ["tool", 2],
    ["tool import", 2],
    ["tool list --data /nowhere", 3],
    ["tool show books_find --data /nowhere", 3],
    ["tool quarantine books_find", 2],
    ["tool quarantine books_find --reason x --data /nowhere", 3],
    ["tool import openapi x.json", 2],
    ["tool import openapi x.json --bundle /nowhere --destination svc", 3],
    ["workflow list --data /nowhere", 3],
    ["workflow list --data /nowhere --data /elsewhere", 2],
    ["workflow list --json --data /nowhere --json", 2],
    ["tool import openapi x.json --bundle /a --destination svc --only a --only b", 3],
    ["gateway run --config /nowhere.jsonc", 3],
  ])("`postern %s` ends with %i", async (line, code) => {
    expect((await run(line.split(" "))).code).toBe(code);
  });

  it("lists every noun, also when only one of them is loaded otherwise", async () => {
    const { out } = await run(["--help"]);
    for (const noun of [
      "gateway",
      "bundle",
      "tool",
      "connector",
      "workflow",
      "key",
      "lock",
      "trust",
      "call",
      "audit",
      "init",
      "connect",
    ]) {
      expect(out).toMatch(new RegExp(`^  ${noun}\\b`, "m"));
    }
  });

  it("takes a thumbprint that begins with a dash for a value, not for an option", async () => {
    for (const value of [`-hV${"x".repeat(40)}`, `--data${"-".repeat(37)}`]) {
      const args = ["lock", "add", "key", value, "--reason", "x", "--data", "/nowhere"];
      expect(await run(args)).toMatchObject({ code: 3, err: expect.stringContaining("/nowhere") });
    }
  });

  it("takes no option twice where one is meant, and says which", async () => {
    const { code, err } = await run(
      "connector run --config a.jsonc --gateway https://g.example --config=b.jsonc".split(" "),
    );
    expect(code).toBe(2);
    expect(err).toContain("error: option '--config <file>' is given twice");
  });

  it("shows control characters of its arguments as what they are", async () => {
    const { err } = await run(["bundle", "check", "/tmp/\u001b[31mred"]);
    expect(err).toContain("\\u001b[31mred");
    expect(err).not.toContain("\u001b");
  });
});
