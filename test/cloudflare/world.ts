import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { doomed } from "../acceptance/support/plans.ts";
import { ROOT } from "../acceptance/support/process.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { cloudflareHost } from "./host.ts";

export interface InWorkerd {
  world(): World;
  /** Ends the object of one workflow of acme in the middle of whatever it does. */
  evict(workflow: string): Promise<void>;
}

/**
 * One world for all cases of a file, around the Worker as `wrangler deploy` would upload it. `evictable`:
 * the same with one entrypoint more, by which a test takes an object's memory away.
 */
export function inWorkerd({ evictable = false } = {}): InWorkerd {
  const built = mkdtempSync(join(tmpdir(), "postern-worker-"));
  const host = cloudflareHost(built, evictable);
  let started: World | undefined;
  beforeAll(async () => {
    const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
    const main = evictable ? ["test/cloudflare/evictable.ts"] : [];
    const build = [wrangler, "deploy", ...main, "--dry-run", "--env", "local", "--outdir", built];
    execFileSync(process.execPath, build, { cwd: ROOT, stdio: "pipe" });
    started = await startWorld("laboratory", host, {
      apart: true,
      connectors: (lab) => [doomed(lab)],
    });
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
    rmSync(built, { recursive: true });
  });
  return {
    world() {
      if (started === undefined) throw new Error("the world did not start");
      return started;
    },
    evict: (workflow) => host.evict(`acme/${workflow}`),
  };
}
