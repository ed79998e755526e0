import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the suite's own runner found, one entry a check of a scenario. */
export interface SuiteCheck {
  readonly scenario: string;
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly message: string;
}

const SUITE = fileURLToPath(
  new URL("../../node_modules/@modelcontextprotocol/conformance/dist/index.js", import.meta.url),
);

/** The whole suite takes half a minute; a server that hangs must not hang the build. */
const SUITE_TIMEOUT_MS = 300_000;

/** Runs the official suite; its exit code says nothing here, because each check is judged alone. */
export async function runSuite(
  url: string,
  revision: string,
  folder: string,
): Promise<readonly SuiteCheck[]> {
  const args = [SUITE, "server", "--url", url, "--requirements", revision, "-o", folder];
  const child = spawn(process.execPath, args, {
    stdio: "ignore",
    timeout: SUITE_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
    },
  );
  if (code === null) throw new Error(`the suite was stopped by ${signal}`);
  return readChecks(folder);
}

/** Folders are named `server-<scenario>-<timestamp>`. */
function readChecks(folder: string): readonly SuiteCheck[] {
  return readdirSync(folder)
    .toSorted()
    .flatMap((entry) => {
      const scenario = /^server-(.+)-\d{4}-\d{2}-\d{2}T/.exec(entry)?.[1];
      if (scenario === undefined) throw new Error(`not a result of the suite: ${entry}`);
      const checks = JSON.parse(
        readFileSync(join(folder, entry, "checks.json"), "utf8"),
      ) as readonly RawCheck[];
      return checks.map(({ id, name, status, errorMessage }) => {
        return { scenario, id, name, status, message: errorMessage ?? "" };
      });
    });
}

interface RawCheck {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly errorMessage?: string;
}
