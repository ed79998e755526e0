import { afterAll, beforeAll, describe } from "vitest";
import { acmeCases } from "./cases/acme.ts";
import { approvalCliCases } from "./cases/approvals-cli.ts";
import { approvalCases, documentApprovalCases } from "./cases/approvals.ts";
import { budgetCases } from "./cases/budgets.ts";
import { mcpApprovalCases } from "./cases/approvals-mcp.ts";
import { canaryCases } from "./cases/canary.ts";
import { connectorSignalCases } from "./cases/connector-signals.ts";
import { connectorCases } from "./cases/connectors.ts";
import { contractCases } from "./cases/contract.ts";
import { delegationCases } from "./cases/delegation.ts";
import { evaluationCases } from "./cases/evaluation.ts";
import { exchangeCases } from "./cases/exchange.ts";
import { lostAnswerCases } from "./cases/lost-answers.ts";
import { inputCases } from "./cases/input.ts";
import { keyCases } from "./cases/keys.ts";
import { lockCases } from "./cases/locks.ts";
import { mcpCases } from "./cases/mcp.ts";
import { memoryCases } from "./cases/memory.ts";
import { nodeCases } from "./cases/node.ts";
import { outcomeCases } from "./cases/outcomes.ts";
import { recordCases } from "./cases/record.ts";
import { hostOfThisRun } from "./host.ts";
import { isNodeHost } from "./support/node-host.ts";
import { signalCases } from "./cases/signals.ts";
import { requestCases } from "./cases/requests.ts";
import { securityEventCases } from "./cases/security-events.ts";
import { toolCases } from "./cases/tools.ts";
import { trustCases } from "./cases/trust.ts";
import { searchCases } from "./cases/search.ts";
import { sourceCases } from "./cases/sources.ts";
import { signingKeyCases } from "./cases/signing-keys.ts";
import { stockOAuthCases } from "./cases/stock-oauth.ts";
import { twiceCases } from "./cases/twice.ts";
import { undoCases } from "./cases/undo.ts";
import { wireCases } from "./cases/wire.ts";
import { writeCases } from "./cases/writes.ts";
import { startWorld, type World } from "./support/world.ts";

/** For what hangs: a case may wait several times, each time for what takes a busy machine long. */
const TIMEOUT_MS = 180_000;

/**
 * One file, because one embedded Postgres is enough for everybody: it takes 700 MB. Black box: these
 * files import nothing from `src/`. README.md says which requirement each case shows.
 */
describe("acceptance", { timeout: TIMEOUT_MS }, () => {
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
  keyCases(world);
  requestCases(world);
  searchCases(world);
  writeCases(world);
  stockOAuthCases(world);
  outcomeCases(world);
  acmeCases(world);
  approvalCases(world);
  documentApprovalCases(world);
  twiceCases(world);
  undoCases(world);
  budgetCases(world);
  delegationCases(world);
  sourceCases(world);
  evaluationCases(world);
  recordCases(world);
  inputCases(world);
  mcpCases(world);
  mcpApprovalCases(world);
  connectorCases(world);
  lostAnswerCases(world);
  wireCases(world);
  lockCases(world);
  signingKeyCases(world);
  trustCases(world);
  toolCases(world);
  securityEventCases(world);
  signalCases(world);
  connectorSignalCases(world);
  memoryCases(world);
  if (isNodeHost(host)) {
    nodeCases(world, () => host);
    approvalCliCases(world, () => host);
  }
  canaryCases(world);
  contractCases(world);
});
