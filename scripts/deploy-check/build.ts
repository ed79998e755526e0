import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Refusal } from "./refusal.ts";

/** What the platform takes on its smallest plan, compressed. */
export const MAX_WORKER_BYTES = 3_000_000;
/** A build takes seconds; one that hangs must not. */
const BUILD_TIMEOUT_MS = 300_000;

export interface Built {
  /** Compressed. */
  readonly bytes: number;
}

/** What `wrangler deploy` would upload, without a login and without a network. */
export async function build(root: string, config: string, env: string): Promise<Built | Refusal> {
  const folder = await mkdtemp(join(tmpdir(), "postern-deploy-"));
  try {
    const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");
    const deploy = ["deploy", "--dry-run", "--config", config, "--env", env, "--outdir", folder];
    await promisify(execFile)(process.execPath, [wrangler, ...deploy], {
      cwd: root,
      timeout: BUILD_TIMEOUT_MS,
      env: {
        ...process.env,
        // Its logs: the home of who runs this may not be theirs to write to.
        XDG_CONFIG_HOME: join(folder, "config"),
        WRANGLER_SEND_METRICS: "false",
        CLOUDFLARE_CF_FETCH_ENABLED: "false",
      },
    });
    return { bytes: await compressed(folder) };
  } catch {
    return {
      code: "build_failed",
      message: "wrangler refused this configuration or could not build the Worker",
      fix: `see what it says: npx wrangler deploy --dry-run --env ${env}`,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function checkSize({ bytes }: Built): readonly Refusal[] {
  if (bytes <= MAX_WORKER_BYTES) return [];
  return [
    {
      code: "worker_too_large",
      message: `the Worker has ${bytes} bytes compressed, ${MAX_WORKER_BYTES} are allowed`,
      fix: "see which dependency came in: npx wrangler deploy --dry-run --metafile",
    },
  ];
}

/** Source maps stay here. */
async function compressed(folder: string): Promise<number> {
  const modules = (await readdir(folder)).filter((name) => /\.(?:js|wasm)$/.test(name));
  const sizes = await Promise.all(
    modules.map(async (name) => {
      const packed = await promisify(gzip)(await readFile(join(folder, name)));
      return packed.length;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
