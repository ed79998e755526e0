import { afterAll, beforeAll, describe } from "vitest";
import { acmeCases } from "./cases/acme.ts";
import { canaryCases } from "./cases/canary.ts";
import { connectorCases } from "./cases/connectors.ts";
import { contractCases } from "./cases/contract.ts";
import { exchangeCases } from "./cases/exchange.ts";
import { inputCases } from "./cases/input.ts";
import { mcpCases } from "./cases/mcp.ts";
import { memoryCases } from "./cases/memory.ts";
import { nodeCases } from "./cases/node.ts";
import { outcomeCases } from "./cases/outcomes.ts";
import { recordCases } from "./cases/record.ts";
import { hostOfThisRun } from "./host.ts";
import { isNodeHost } from "./support/node-host.ts";
import { requestCases } from "./cases/requests.ts";
import { stockOAuthCases } from "./cases/stock-oauth.ts";
import { wireCases } from "./cases/wire.ts";
import { startWorld, type World } from "./support/world.ts";

/**
 * One file, because one embedded Postgres is enough for everybody: it takes 700 MB. Black box: these
 * files import nothing from `src/`. README.md says which requirement each case shows.
 */
describe("acceptance", () => {
  const host = hostOfThisRun();
  let started: World | undefined;
  const world = (): World => {
    if (started === undefined) throw new Error("the world did not start");
    return started;
  };
  beforeAll(async () => {
    started = await startWorld("everything", host);
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  });

  exchangeCases(world);
  requestCases(world);
  stockOAuthCases(world);
  outcomeCases(world);
  acmeCases(world);
  recordCases(world);
  inputCases(world);
  mcpCases(world);
  connectorCases(world);
  wireCases(world);
  memoryCases(world);
  if (isNodeHost(host)) nodeCases(world, () => host);
  canaryCases(world);
  contractCases(world);
});
