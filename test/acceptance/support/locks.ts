import type { Host } from "../host.ts";

/** What `postern lock add --json` and `lock list --json` say of one lock. */
export interface LockView {
  readonly lock: string;
  readonly target: string;
  readonly value: string;
  readonly reason: string;
  readonly by: string;
  readonly state: "in_force" | "in_force_volatile";
  readonly inForceAt: string;
  readonly calls: number;
  readonly drainedAt: string | null;
  readonly expiresAt: string | null;
  readonly known: boolean | null;
}

/** Locks something of acme, and says how that went. */
export async function lock(
  host: Host,
  target: string,
  value: string,
  ...more: readonly string[]
): Promise<LockView> {
  const reason = more.includes("--reason") ? [] : ["--reason", "a test"];
  const what = ["add", target, value, ...reason, "--tenant", "acme", "--json"];
  const { stdout, stderr } = await host.lock(...what, ...more);
  if (stdout === "") throw new Error(`no lock on ${target} ${value}: ${stderr}`);
  return JSON.parse(stdout) as LockView;
}

export async function unlock(host: Host, { lock: id }: LockView): Promise<void> {
  const { code, stderr } = await host.lock("remove", id, "--tenant", "acme");
  if (code !== 0) throw new Error(`${id} was not removed: ${stderr}`);
}

export async function listLocks(
  host: Host,
): Promise<{ readonly epoch: number; readonly locks: readonly LockView[] }> {
  const { stdout } = await host.lock("list", "--tenant", "acme", "--json");
  return JSON.parse(stdout) as Awaited<ReturnType<typeof listLocks>>;
}
