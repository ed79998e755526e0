import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { humanToken } from "./human.ts";
import { openProfile, readProfile } from "./profile.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "profile-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const GOOD = {
  gateway: "http://127.0.0.1:1",
  tenant: "acme",
  agent: "support-agent",
  agentKey: "agent.jwk",
  purpose: "support-case",
  human: { tokenFile: "token" },
};

function write(profile: unknown): string {
  const file = join(folder, "dana.jsonc");
  const text = typeof profile === "string" ? profile : JSON.stringify(profile, null, 2);
  writeFileSync(file, text);
  return file;
}

describe("a profile", () => {
  it("is JSONC", () => {
    const file = write(`// Dana's\n${JSON.stringify(GOOD).replace("}}", "},}")}`);
    expect(readProfile(file)).toEqual(GOOD);
  });

  it("tells all its mistakes at once, with their lines", () => {
    const file = write({ ...GOOD, gateway: "http://gateway.example", purpose: "", humans: 1 });
    expect(() => readProfile(file)).toThrow(
      `${file}:2 gateway: https, or http on this machine only`,
    );
    expect(() => readProfile(file)).toThrow(`${file}:6 purpose:`);
    expect(() => readProfile(file)).toThrow(/Unrecognized key: "humans"/);
    const broken = write("{\n  tenant\n}");
    expect(() => readProfile(broken)).toThrow(`${broken}:2 `);
  });

  it("is not opened with a key that others can read", async () => {
    const file = write(GOOD);
    const key = join(folder, "agent.jwk");
    writeFileSync(key, "{}", { mode: 0o600 });
    chmodSync(key, 0o640);
    await expect(openProfile(file)).rejects.toThrow(`chmod 600 ${key}`);
    chmodSync(key, 0o600);
    await expect(openProfile(file)).rejects.toThrow("holds no private JWK");
  });
});

describe("a human's token", () => {
  const { signal } = new AbortController();

  it("is what the sign-in command prints, run beside the profile", async () => {
    writeFileSync(join(folder, "sign-in.js"), 'console.log("aa.bb." + process.argv[2])');
    const command = [process.execPath, "sign-in.js", "dana"] as const;
    expect(await humanToken({ command: [...command] }, folder, signal)).toBe("aa.bb.dana");
  });

  it("is read from a file beside the profile", async () => {
    writeFileSync(join(folder, "token"), "aa.bb.cc\n");
    expect(await humanToken({ tokenFile: "token" }, folder, signal)).toBe("aa.bb.cc");
  });

  it.each([
    ["fails", "process.exit(1)"],
    ["prints no token", 'console.log("canary")'],
    ["prints without end", 'for (;;) require("fs").writeSync(1, "a".repeat(65536))'],
  ])("is not taken from a command that %s, and what it said is not repeated", async (_, code) => {
    const command: [string, ...string[]] = [process.execPath, "-e", code];
    await expect(humanToken({ command }, folder, signal)).rejects.toThrow(
      /^the human's sign-in [^]*$/,
    );
    await expect(humanToken({ command }, folder, signal)).rejects.not.toThrow("canary");
  });

  it("is no longer waited for when we are stopped", async () => {
    const command: [string, ...string[]] = [process.execPath, "-e", "setInterval(() => {}, 1000)"];
    await expect(humanToken({ command }, folder, AbortSignal.abort())).rejects.toThrow("sign-in");
  });

  it("is not taken from a command that does not exist", async () => {
    await expect(humanToken({ command: ["/nowhere/sign-in"] }, folder, signal)).rejects.toThrow(
      "sign-in",
    );
  });
});
