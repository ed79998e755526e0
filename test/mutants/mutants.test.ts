import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MUTANTS } from "./mutants.ts";
import { ProjectCopy } from "./project-copy.ts";

/** For what hangs: one run starts a whole world of processes, which takes minutes on a busy machine. */
const TIMEOUT_MS = 300_000;

/** Tests that cannot fail show nothing: each of these defects must make a named case fail. */
describe("mutants", () => {
  let project: ProjectCopy;
  beforeAll(() => {
    project = new ProjectCopy();
  });
  afterAll(() => project?.[Symbol.dispose]());

  it.each([...new Set(MUTANTS.map(({ suite }) => suite))])(
    "%s passes on the unmutated copy",
    async (suite) => {
      const cases = MUTANTS.filter((mutant) => mutant.suite === suite).map(
        ({ noticedBy }) => noticedBy,
      );
      const verdicts = await project.verdicts(suite, cases);
      expect(Object.fromEntries(verdicts)).toEqual(
        Object.fromEntries(cases.map((name) => [name, "passed"])),
      );
    },
    TIMEOUT_MS,
  );

  it.each(MUTANTS)(
    "$name: noticed by “$noticedBy”",
    async ({ patch, suite, noticedBy }) => {
      using _ = project.patched(patch);
      const verdicts = await project.verdicts(suite, [noticedBy]);
      expect(Object.fromEntries(verdicts)).toEqual({ [noticedBy]: "failed" });
    },
    TIMEOUT_MS,
  );
});
