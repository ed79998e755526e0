import { once } from "node:events";
import { resolve } from "node:path";
import { enrollConnector, type EnrollFault } from "../connector/enroll.ts";
import { jsonLog } from "../connector/log.ts";
import { type RunFault, startConnector } from "../connector/run.ts";
import { following, readTlsFiles } from "../connector/tls-files.ts";
import type { Tls } from "../connector/tls.ts";
import { parseJoinCode } from "../tunnel/join-code.ts";
import { CliError, EXIT } from "./exit.ts";
import { printJson } from "./output.ts";

export interface RunOptions {
  readonly config: string;
  readonly gateway: string;
  readonly gatewayCa?: string;
  readonly join?: string;
  readonly listen?: string;
}

interface Failure {
  readonly fault: EnrollFault | RunFault;
  readonly mistakes: readonly {
    readonly line: number;
    readonly at: string;
    readonly fix: string;
  }[];
}

/**
 * `postern connector run`: enrols where that was not done yet, then serves until it is told to stop, here or by
 * `postern connector drain`.
 */
export async function runConnector({
  config: configPath,
  gateway,
  gatewayCa: file,
  join,
  listen,
}: RunOptions): Promise<number> {
  const env = process.env;
  const gatewayTls = file === undefined ? undefined : authorityIn(file);
  const address = listen === undefined ? null : readAddress(listen);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  if (join !== undefined) {
    const tenant = parseJoinCode(join)?.tenant ?? "";
    const enrolled = await enrollConnector({
      ...{ configPath, gateway, gatewayTls, tenant, env },
      code: join,
    });
    // A restart with the same command line is no mistake: the first one used the code.
    if (!enrolled.ok && enrolled.fault !== "already_enrolled") throw refused(configPath, enrolled);
  }
  const started = await startConnector({
    configPath,
    gateway,
    gatewayTls,
    ...(address && { listen: address }),
    env,
    log: jsonLog(
      (line) => process.stderr.write(line),
      () => Date.now(),
    ),
    ready: (connector, { network, tier }) =>
      printJson({ event: "ready", connector, network, tier, pid: process.pid }),
  });
  if (!started.ok) throw refused(configPath, started);
  if (!stop.signal.aborted)
    await Promise.race([once(stop.signal, "abort"), started.connector.told]);
  await started.connector.stop();
  return EXIT.ok;
}

/** `10.0.0.7:7070`, `[fd00::7]:7070`. */
function readAddress(text: string): { readonly host: string; readonly port: number } {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = six ?? four;
  const port = Number(digits);
  if (host !== undefined && port <= 65_535) return { host, port };
  throw new CliError(`--listen ${text}: say HOST:PORT`, EXIT.usage);
}

function authorityIn(file: string): Tls {
  const paths = { ca: resolve(file) };
  const read = readTlsFiles(paths);
  if (!read.ok) throw new CliError(`${file} holds no certificate in PEM`, EXIT.usage);
  return following(paths, read.material);
}

function refused(file: string, { fault, mistakes }: Failure): CliError {
  const lines = mistakes.map(({ line, at, fix }) => `${file}:${line} ${at}: ${fix}`);
  return new CliError([`${fault}: ${WORDS[fault]}`, ...lines].join("\n"), EXIT.no);
}

const WORDS: { readonly [fault in EnrollFault | RunFault]: string } = {
  config_unreadable: "name the connector.jsonc with --config",
  config_invalid: "mend these lines",
  gateway_url_refused: "the gateway's URL must be https, or http on this machine",
  join_code_malformed: "make a new one with postern connector enroll",
  join_code_other_tenant: "this code is for another tenant",
  already_enrolled: "this state folder has a key already",
  state_in_use: "another connector runs on this stateDir: stop it, or use another folder",
  gateway_unreachable: "the gateway does not answer: is it running, is the URL right?",
  enrolment_refused:
    "the code was used, has expired, or is for another network or tier: make a new one with postern connector enroll",
  answer_malformed: "whoever answered is not a Postern gateway",
  gateway_key_mismatch: "whoever answered is not the gateway that made this code: check the URL",
  not_enrolled: "give a one-time code with --join",
  enrolled_elsewhere:
    "this key was given for another network or tier: use another stateDir and enrol",
  address_in_use: "somebody else listens on the address of --listen, or it is not of this machine",
  journal_corrupt:
    "the journal cannot be read, so what was sent is unknown: move the stateDir away and enrol again",
};
