import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../acceptance/support/process.ts";

const COPIED = [
  "bin",
  "examples",
  "schema",
  "scripts",
  "src",
  "test",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
];

/** One literal change of one file. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** How each named case ended. */
export type Verdicts = ReadonlyMap<string, "passed" | "failed">;

/** The project in another place, to be broken on purpose. */
export class ProjectCopy implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "pm-"));

  constructor() {
    for (const part of COPIED) {
      cpSync(join(ROOT, part), join(this.#folder, part), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules"), join(this.#folder, "node_modules"));
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Undone when the scope ends. A pattern that is not there exactly once is a mutant that rotted. */
  patched({ file, find, replace }: Patch): Disposable {
    const path = join(this.#folder, file);
    const text = readFileSync(path, "utf8");
    const count = text.split(find).length - 1;
    if (count !== 1)
      throw new Error(`${file} contains the pattern ${count} times, not once:\n${find}`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
    return { [Symbol.dispose]: () => writeFileSync(path, text) };
  }

  /** Runs the named cases of one suite. */
  async verdicts(suite: string, cases: readonly string[]): Promise<Verdicts> {
    const report = join(this.#folder, "report.json");
    const pattern = cases.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
    const vitest = join(this.#folder, "node_modules/vitest/vitest.mjs");
    const options = [
      "--root",
      this.#folder,
      "-t",
      pattern,
      "--reporter=json",
      `--outputFile=${report}`,
    ];
    const { stdout, stderr } = await run([process.execPath, vitest, "run", suite, ...options]);
    const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
    const verdicts = new Map<string, "passed" | "failed">();
    for (const { assertionResults } of testResults) {
      for (const { title, status } of assertionResults) {
        if (status === "passed" || status === "failed") verdicts.set(title, status);
      }
    }
    rmSync(report);
    if (verdicts.size === 0) throw new Error(`${suite} ran none of its cases:\n${stdout}${stderr}`);
    return verdicts;
  }
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}
