import { defineConfig } from "vitest/config";
import { heavyFiles } from "./test/torture/table.ts";

/** Suites that `npm test` leaves to scripts of their own: slow, or in need of more than Node. */
const ON_DEMAND = ["vectors", "conformance", "mutants", "postgres", "fsync"];

const asked = (folder: string): boolean =>
  process.argv.some((word) => word.includes(`test/${folder}`));

export default defineConfig({
  test: {
    include: ["{src,examples,bench,scripts,test}/**/*.test.ts"],
    exclude: [
      ...ON_DEMAND.filter((suite) => !asked(suite)).map((suite) => `test/${suite}/**`),
      // The heavy numbers, as the table in test/torture/README.md has it: `npm run torture`.
      ...(asked("torture") ? [] : heavyFiles()),
    ],
    environment: "node",
    pool: "forks",
    // The suites start processes of their own; more workers would only take their cores.
    maxWorkers: 2,
    // For what hangs; a machine with other things to do must not fail a test.
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // A test that passes at the second attempt is a test that failed.
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
  },
});
