import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A way to take a process's disk away, and to give it back. */
export interface SmallDisk extends AsyncDisposable {
  /** Goes before the command that is to live on it. */
  readonly wrap: readonly string[];
  /** On the small disk; undefined: where it likes. */
  readonly dataDir: string | undefined;
  /** From now on there is no room for another byte. */
  fill(pid: number): void;
  free(pid: number): void;
}

const PAGE = Buffer.alloc(4_096);
const SIZE_MB = 16;

/** A file system of a few megabytes in a mount namespace of its own: no root needed. */
export async function tmpfs(): Promise<SmallDisk> {
  const folder = mkdtempSync(join(tmpdir(), "pd-"));
  const script = `mount -t tmpfs -o size=${SIZE_MB}m none ${folder} && echo mounted && exec sleep 600`;
  const holder = spawn("unshare", ["-rm", "sh", "-c", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await Promise.race([
    once(holder.stdout, "data"),
    once(holder, "exit").then(() => Promise.reject(new Error("no mount"))),
  ]);
  const inside = `/proc/${holder.pid}/root${folder}/filler`;
  return {
    wrap: ["nsenter", "-t", String(holder.pid), "-U", "-m", "--preserve-credentials", "--"],
    dataDir: join(folder, "data"),
    fill() {
      const file = openSync(inside, "a");
      try {
        for (;;) writeSync(file, PAGE);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(inside),
    async [Symbol.asyncDispose]() {
      holder.kill("SIGKILL");
      await once(holder, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A limit on the size of files, as `ulimit -f` sets it: every write past it fails. */
export function fileSizeLimit(): SmallDisk {
  const limit = (pid: number, bytes: string): void => {
    execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}`]);
  };
  return {
    wrap: [],
    dataDir: undefined,
    // The soft limit only: the hard one could not be raised again.
    fill: (pid) => limit(pid, "0:"),
    free: (pid) => limit(pid, "unlimited:"),
    async [Symbol.asyncDispose]() {},
  };
}

/** The ways that this machine permits, each by its name. */
export function smallDisks(): [string, () => SmallDisk | Promise<SmallDisk>][] {
  const mountable =
    spawnSync("unshare", ["-rm", "sh", "-c", "mount -t tmpfs none /mnt"]).status === 0;
  if (!mountable) process.stderr.write("no small tmpfs here: unshare -rm is not permitted\n");
  const limited: [string, () => SmallDisk] = ["a file size limit", fileSizeLimit];
  return mountable ? [["a full tmpfs", tmpfs], limited] : [limited];
}
