import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MUTANTS } from "./mutants.ts";
import { ProjectCopy } from "./project-copy.ts";

/** One run starts a whole world of processes, beside that of the other lane; some defects are a hang. */
const TIMEOUT_MS = 240_000;

/** Each is a file of its own, so that they run beside each other. */
const LANES = 2;

/** Tests that cannot fail show nothing: each of these defects must make a named case fail. */
export function lane(number: 0 | 1): void {
  const own = <T>(all: readonly T[]): T[] => all.filter((_, at) => at % LANES === number);

  describe("mutants", () => {
    let project: ProjectCopy;
    beforeAll(() => {
      project = new ProjectCopy();
    });
    afterAll(() => project?.[Symbol.dispose]());

    it.each(own([...new Set(MUTANTS.map(({ suite }) => suite))]))(
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

    it.each(own(MUTANTS))(
      "$name: noticed by “$noticedBy”",
      async ({ patch, suite, noticedBy }) => {
        using _ = project.patched(patch);
        const verdicts = await project.verdicts(suite, [noticedBy]);
        expect(Object.fromEntries(verdicts)).toEqual({ [noticedBy]: "failed" });
      },
      TIMEOUT_MS,
    );
  });
}
