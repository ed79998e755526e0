import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * Ends what a killed parent left behind. A parent that gets SIGKILL cannot clean up; its pipes
 * close all the same, and then this process, in a group of its own, ends every group it was told.
 */
export function startWarden(): (pid: number) => void {
  const warden = spawn(process.execPath, [import.meta.filename], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  warden.unref();
  warden.stdin.on("error", () => undefined);
  return (pid) => void warden.stdin.write(`${pid}\n`);
}

export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}

if (import.meta.main) {
  const groups: number[] = [];
  for await (const line of createInterface({ input: process.stdin })) groups.push(Number(line));
  for (const pid of groups) killGroup(pid, "SIGKILL");
}
