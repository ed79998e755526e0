import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { doomed } from "../acceptance/support/plans.ts";
import { ROOT } from "../acceptance/support/process.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { cloudflareHost } from "./host.ts";
import { wranglerHome } from "./workers.ts";

/** One world for all cases of a file, around the Worker as `wrangler deploy` would upload it. */
export function worldInWorkerd(): () => World {
  const built = mkdtempSync(join(tmpdir(), "postern-worker-"));
  let started: World | undefined;
  beforeAll(async () => {
    const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
    const build = [wrangler, "deploy", "--dry-run", "--env", "local", "--outdir", built];
    execFileSync(process.execPath, build, {
      cwd: ROOT,
      stdio: "pipe",
      env: { ...process.env, ...wranglerHome(built) },
    });
    started = await startWorld("laboratory", cloudflareHost(built), {
      apart: true,
      connectors: (lab) => [doomed(lab)],
    });
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
    rmSync(built, { recursive: true });
  });
  return () => {
    if (started === undefined) throw new Error("the world did not start");
    return started;
  };
}
