import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { delegationCases } from "../acceptance/cases/delegation.ts";
import { outcomeCases } from "../acceptance/cases/outcomes.ts";
import { recordCases } from "../acceptance/cases/record.ts";
import { requestCases } from "../acceptance/cases/requests.ts";
import { twiceCases } from "../acceptance/cases/twice.ts";
import { ROOT } from "../acceptance/support/process.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { cloudflareHost } from "./host.ts";

/** The acceptance suite's own cases, unchanged, against the built Worker. README.md says which not yet. */
describe("acceptance, in workerd", () => {
  const built = mkdtempSync(join(tmpdir(), "postern-worker-"));
  let started: World | undefined;
  const world = (): World => {
    if (started === undefined) throw new Error("the world did not start");
    return started;
  };
  beforeAll(async () => {
    const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
    const build = [wrangler, "deploy", "--dry-run", "--env", "local", "--outdir", built];
    execFileSync(process.execPath, build, { cwd: ROOT, stdio: "pipe" });
    started = await startWorld("laboratory", cloudflareHost(built));
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
    rmSync(built, { recursive: true });
  });

  requestCases(world);
  outcomeCases(world);
  delegationCases(world);
  recordCases(world);
  twiceCases(world);
});
