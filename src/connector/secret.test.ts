import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";
import { Secret, type SecretSource } from "./secret.ts";

let folder: string;
let file: string;
let now = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "secret-"));
  file = join(folder, "secret");
});
afterAll(() => rmSync(folder, { recursive: true }));

const any = (): boolean => true;
const read = (source: SecretSource, valid: (value: string) => boolean = any): Secret | null =>
  Secret.read(source, valid, () => now);
const node = (script: string, ...args: string[]): SecretSource => ({
  command: [process.execPath, "-e", script, ...args],
});

describe("a secret", () => {
  it("comes from a file, without the line end that editors add", () => {
    for (const [text, value] of [
      ["s3cret", "s3cret"],
      ["s3cret\n", "s3cret"],
      ["s3cret\r\n", "s3cret"],
      ["two\n\n", "two\n"],
    ] as const) {
      writeFileSync(file, text);
      expect(read({ file })?.value).toBe(value);
    }
  });

  it("comes from a command, whose arguments no shell reads", () => {
    const hostile = `$(touch ${file}-made); \`id\` && exit 1`;
    const secret = read(node("process.stdout.write(process.argv[1] + '\\n')", hostile));
    expect(secret?.value).toBe(hostile);
    expect(() => readFileSync(`${file}-made`)).toThrow("ENOENT");
  });

  it.each<[string, () => SecretSource]>([
    ["no file", () => ({ file: `${file}-none` })],
    ["a folder", () => ({ file: folder })],
    ["no program", () => ({ command: [`${file}-none`] })],
    ["a command that fails", () => node("console.log('s'); process.exit(1)")],
    ["a command that says nothing", () => node("")],
    ["a command that says too much", () => node("console.log('x'.repeat(20_000))")],
    ["what has the wrong form", () => node("console.log('wrong')")],
  ])("does not come from %s", (_, source) => {
    expect(read(source(), (value) => value !== "wrong")).toBeNull();
  });

  it("is read again when it is old, and kept while there is no better one", async () => {
    writeFileSync(file, "first");
    const secret = read({ file }, (value) => value !== "bad")!;
    writeFileSync(file, "second");
    now += 59_999;
    expect(secret.value).toBe("first");
    now += 1;
    expect(secret.value).toBe("first");
    expect(await secret.renew()).toBe(true);
    expect(secret.value).toBe("second");
    for (const worse of ["bad", ""]) {
      writeFileSync(file, worse);
      expect(await secret.renew()).toBe(false);
      expect(secret.value).toBe("second");
    }
    rmSync(file);
    expect(await secret.renew()).toBe(false);
    expect(secret.value).toBe("second");
  });

  it("is read again when the service refused it, at most once in ten seconds", async () => {
    const log = `${file}-runs`;
    writeFileSync(log, "");
    const script = "require('fs').appendFileSync(process.argv[1], 'x'); console.log('s')";
    const secret = read(node(script, log))!;
    const runs = (): number => readFileSync(log, "utf8").length;
    now += 9_999;
    secret.refused();
    await secret.renew();
    expect(runs()).toBe(2);
    now += 10_000;
    secret.refused();
    secret.refused();
    await secret.renew();
    expect(runs()).toBe(3);
    secret.refused();
    expect(runs()).toBe(3);
  });
});

describe("a secret in connector.jsonc", () => {
  const config = (header: unknown): ReturnType<typeof readConfig> =>
    readConfig(
      JSON.stringify({
        ...{ network: "acme", tier: "internal", stateDir: "state" },
        destinations: {
          tickets: {
            ...{ kind: "http", origin: "http://127.0.0.1:1", methods: ["GET"], paths: ["/"] },
            headers: { authorization: header },
          },
        },
      }),
      join(folder, "connector.jsonc"),
      { KEY: "from-env" },
    );

  it("names its file from where the configuration lies", () => {
    writeFileSync(join(folder, "key"), "from-file\n");
    for (const [header, value] of [
      [{ file: "key" }, "from-file"],
      [{ file: join(folder, "key") }, "from-file"],
      [{ env: "KEY" }, "from-env"],
      [{ command: [process.execPath, "-p", "'from-command'"] }, "from-command"],
    ] as const) {
      const result = config(header);
      const tickets = result.ok ? result.config.destinations.get("tickets") : null;
      expect(tickets?.kind === "http" && tickets.headers.get("authorization")?.value).toBe(value);
    }
  });

  it.each<[string, unknown, string]>([
    ["itself", "Bearer s", " wrong_type"],
    ["nothing", {}, " missing_key"],
    ["two of them", { env: "KEY", file: "key" }, " missing_key"],
    ["a shell's line", { command: "cat key" }, ".command wrong_type"],
    ["a program looked for in PATH", { command: ["cat", "key"] }, ".command invalid_value"],
    ["no program", { command: [] }, ".command invalid_value"],
    ["a file that is not there", { file: "none" }, ".file secret_unreadable"],
    [
      "what begins another header",
      { command: [process.execPath, "-p", "'a\\r\\nhost: b'"] },
      ".command secret_unreadable",
    ],
  ])("is not %s", (_, header, mistake) => {
    const result = config(header);
    const mistakes = result.ok ? [] : result.mistakes.map(({ at, code }) => `${at} ${code}`);
    expect(mistakes).toContain(`destinations.tickets.headers.authorization${mistake}`);
  });
});
