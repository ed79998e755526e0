import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Suites that `npm test` leaves to scripts of their own: slow, or in need of more than Node. */
const ON_DEMAND: readonly (readonly [suite: string, files: string])[] = [
  ...["vectors", "conformance", "mutants", "postgres", "fsync", "upstream", "cloudflare"].map(
    (suite) => [suite, `test/${suite}/**`] as const,
  ),
  ["torture", "test/torture/+([0-9]).test.ts"],
  ["docs/guides", "test/docs/guides.test.ts"],
];

const asked = (suite: string): boolean =>
  process.argv.some((word) => word.includes(`test/${suite}`));

/**
 * One file that takes as long as all others together: begun last, it would run alone on one core.
 * Vitest orders by file size where it has no times yet, as in a fresh clone.
 */
const FIRST = "/acceptance.test.ts";

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const long = ({ moduleId }: TestSpecification): boolean => moduleId.includes(FIRST);
    return [...sorted.filter(long), ...sorted.filter((file) => !long(file))];
  }
}

/** The suites start hundreds of processes: each finds what the one before it has compiled. */
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(
  new URL("node_modules/.cache/compiled", import.meta.url),
);

export default defineConfig({
  test: {
    include: ["{src,examples,bench,scripts,test}/**/*.test.ts"],
    exclude: [...ON_DEMAND.filter(([suite]) => !asked(suite)).map(([, files]) => files)],
    environment: "node",
    pool: "forks",
    sequence: { sequencer: LongestFirst },
    // The suites start processes of their own; more workers would only take their cores.
    maxWorkers: 2,
    // For what hangs; a machine with other things to do must not fail a test.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    // A test that passes at the second attempt is a test that failed.
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
  },
});
