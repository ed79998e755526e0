import type { Environment } from "./config.ts";
import { jsonLog } from "./log.ts";
import { startConnector, type RunFault } from "./run.ts";

export interface MainOptions {
  readonly configPath: string;
  readonly gateway: string;
  readonly env: Environment;
  /** One line each, with its line break. */
  out(line: string): void;
  err(line: string): void;
}

/** What to do about it, for the person at the terminal. */
export const RUN_FIXES: Record<RunFault, string> = {
  config_unreadable: "the file of --config cannot be read: check its path and permissions",
  config_invalid: "correct the mistakes listed above",
  gateway_url_refused:
    "--gateway must be https:// (http:// only for this machine), nothing but host and path",
  not_enrolled: "this folder holds no connector: run `postern connector enroll` first",
  enrolled_elsewhere: "network or tier differ from the enrolment: one connector serves one of each",
  state_in_use: "another connector process uses this stateDir: stop it, or give this one its own",
  journal_corrupt: "the journal does not read: move journal*.jsonl away, keep it for the auditor",
};

/**
 * `postern connector run`. Resolves with the exit code after SIGTERM or SIGINT. One JSON line an
 * event on stderr; on stdout one line, when the first session stands.
 */
export async function runConnector(options: MainOptions): Promise<number> {
  const log = jsonLog(options.err, Date.now);
  const started = await startConnector({
    configPath: options.configPath,
    gateway: options.gateway,
    env: options.env,
    log,
    ready: (connector, { network, tier }) => {
      options.out(`${JSON.stringify({ event: "ready", connector, network, tier })}\n`);
    },
  });
  if (!started.ok) {
    for (const { line, at, code, fix } of started.mistakes) {
      options.err(`${options.configPath}:${line}: ${at === "" ? "file" : at}: ${code}: ${fix}\n`);
    }
    options.err(`${started.fault}: ${RUN_FIXES[started.fault]}\n`);
    return 1;
  }
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  await started.connector.stop();
  return 0;
}
