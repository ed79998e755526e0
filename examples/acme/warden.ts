import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Warden {
  watch(pid: number): void;
  /** A number that is free again may be somebody else's tomorrow. */
  forget(pid: number): void;
}

/**
 * Ends what a killed parent left behind. A parent that gets SIGKILL cannot clean up; its pipes
 * close all the same, and then this process, in a group of its own, ends every group it watches.
 */
export function startWarden(): Warden {
  const warden = spawn(process.execPath, [import.meta.filename], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  warden.unref();
  warden.stdin.on("error", () => undefined);
  return {
    watch: (pid) => void warden.stdin.write(`watch ${pid}\n`),
    forget: (pid) => void warden.stdin.write(`forget ${pid}\n`),
  };
}

export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}

if (import.meta.main) {
  const groups = new Set<number>();
  for await (const line of createInterface({ input: process.stdin })) {
    const [order, pid] = line.split(" ");
    if (order === "watch") groups.add(Number(pid));
    else groups.delete(Number(pid));
  }
  for (const pid of groups) killGroup(pid, "SIGKILL");
}
