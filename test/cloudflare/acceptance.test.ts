import { describe } from "vitest";
import { documentApprovalCases } from "../acceptance/cases/approvals.ts";
import { mcpApprovalCases } from "../acceptance/cases/approvals-mcp.ts";
import { budgetCases } from "../acceptance/cases/budgets.ts";
import { delegationCases } from "../acceptance/cases/delegation.ts";
import { evaluationCases } from "../acceptance/cases/evaluation.ts";
import { exchangeCases } from "../acceptance/cases/exchange.ts";
import { outcomeCases } from "../acceptance/cases/outcomes.ts";
import { recordCases } from "../acceptance/cases/record.ts";
import { requestCases } from "../acceptance/cases/requests.ts";
import { twiceCases } from "../acceptance/cases/twice.ts";
import { worldInWorkerd } from "./world.ts";

/** The acceptance suite's own cases, unchanged, against the built Worker. README.md says which not yet. */
describe("acceptance, in workerd", () => {
  const world = worldInWorkerd();
  exchangeCases(world);
  requestCases(world);
  outcomeCases(world);
  documentApprovalCases(world);
  mcpApprovalCases(world);
  budgetCases(world);
  delegationCases(world);
  evaluationCases(world);
  recordCases(world);
  twiceCases(world);
});
