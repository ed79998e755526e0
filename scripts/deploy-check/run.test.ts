import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployCheck } from "./run.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ACME = ["--bundle", `acme=${ROOT}/examples/acme/bundle`];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-deploy-check-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function check(...args: readonly string[]) {
  const said = { stdout: "", stderr: "" };
  const code = await deployCheck(args, {
    out: (text) => (said.stdout += text),
    err: (text) => (said.stderr += text),
  });
  return { code, ...said };
}

/** What a build would find is shown by `npm run deploy:check` itself, which `.ci/run` has. */
describe("npm run deploy:check", () => {
  it("exits 1 before anything is built, with each tool that would find nobody", async () => {
    const text = readFileSync(join(ROOT, "wrangler.jsonc"), "utf8");
    const config = join(folder, "wrangler.jsonc");
    writeFileSync(config, text.replace('"network": "office"', '"network": "attic"'));
    const { code, stdout, stderr } = await check("--config", config, ...ACME);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(
      "destination_unbound: acme: rota_on_call goes to rota, of network office",
    );
    expect(stderr).toContain("not deployable: 3 found");
  });

  it("exits 1 for a bundle that is none, an environment or a file that there is not", async () => {
    const wrong = await check("--bundle", `acme=${folder}`);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/^bundle_wrong: /);
    const unknown = await check("--env", "staging", ...ACME);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/^environment_unknown: /);
    const gone = await check("--config", join(folder, "none.jsonc"), ...ACME);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toMatch(/^config_unreadable: /);
  });

  it("exits 2 where the command line is wrong", async () => {
    expect((await check("--bundle", "acme")).code).toBe(2);
    expect((await check("--dry-run")).code).toBe(2);
  });
});
