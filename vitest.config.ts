import { defineConfig } from "vitest/config";

/** Suites that `npm test` leaves to scripts of their own: slow, or in need of more than Node. */
const ON_DEMAND = ["vectors", "conformance", "mutants", "postgres", "fsync"];

export default defineConfig({
  test: {
    include: ["{src,examples,bench,scripts,test}/**/*.test.ts"],
    exclude: ON_DEMAND.filter(
      (suite) => !process.argv.some((word) => word.includes(`test/${suite}`)),
    ).map((suite) => `test/${suite}/**`),
    environment: "node",
    pool: "forks",
    // The suites start processes of their own; more workers would only take their cores.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // A test that passes at the second attempt is a test that failed.
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
  },
});
