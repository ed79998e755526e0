import { afterAll, beforeAll, describe } from "vitest";
import { identityCases } from "./cases/identity.ts";
import { outcomeCases } from "./cases/outcomes.ts";
import { recordCases } from "./cases/record.ts";
import { startWorld, type World } from "./support/world.ts";

/**
 * One file, because one embedded Postgres is enough for everybody: it takes 700 MB. Black box: these
 * files import nothing from `src/`.
 */
describe("acceptance", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld("everything");
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  identityCases(() => world);
  outcomeCases(() => world);
  recordCases(() => world);
});
