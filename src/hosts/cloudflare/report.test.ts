import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, it } from "vitest";
import { NEW_WORKFLOW } from "../../core/session/state.ts";
import { nodeApprovals } from "../node/approvals.ts";
import { SCHEMA } from "../node/schema.ts";
import type { Write } from "../node/sql.ts";
import { type Report, Reported, reportOf } from "./report.ts";

const NOTHING: Report = { closed: false, unknown: [], asked: [] };
const LOST = { call: "call_1", connector: "con_1" };
const OTHER = { call: "call_2", connector: "con_2" };

let db: DatabaseSync;
let batches: number;
let reported: Reported;
beforeEach(() => {
  db = new DatabaseSync(":memory:");
  db.exec(SCHEMA);
  batches = 0;
  reported = new Reported(db, {
    async write(writes: readonly Write[]) {
      batches++;
      for (const { statement, values } of writes) statement.run(...values);
    },
  });
});

const unknown = (): unknown[] =>
  db.prepare("SELECT workflow, call, connector FROM open_call ORDER BY call").all();

it("keeps what is unknown of each workflow as it was said last", async () => {
  await reported.take("acme", "wf_1", { ...NOTHING, unknown: [OTHER, LOST] });
  await reported.take("acme", "wf_2", { ...NOTHING, unknown: [{ ...LOST, call: "call_3" }] });
  expect(unknown()).toHaveLength(3);
  expect(reported.anyUnknown).toBe(true);
  expect(reported.workflowOf("acme", "call_3")).toBe("wf_2");
  expect(reported.workflowOf("globex", "call_3")).toBeNull();
  await reported.take("acme", "wf_1", { ...NOTHING, unknown: [{ ...OTHER, connector: "con_3" }] });
  expect(unknown()).toEqual([
    { workflow: "wf_1", call: "call_2", connector: "con_3" },
    { workflow: "wf_2", call: "call_3", connector: "con_1" },
  ]);
  for (const workflow of ["wf_1", "wf_2"]) await reported.take("acme", workflow, NOTHING);
  expect(reported.anyUnknown).toBe(false);
});

it("makes a request for approval findable, once, and keeps it after the report has forgotten it", async () => {
  db.prepare("INSERT INTO live VALUES ('acme', 'wf_1', 'h', 'a', 900)").run();
  const approvals = nodeApprovals(db);
  const asked = [{ id: "apr_1", expiresAt: 500 }];
  await reported.take("acme", "wf_1", { ...NOTHING, asked });
  await reported.take("acme", "wf_1", { ...NOTHING, asked });
  await reported.take("acme", "wf_1", NOTHING);
  expect(approvals.pending("acme", 400)).toEqual([{ id: "apr_1", workflow: "wf_1" }]);
  expect(approvals.workflowOf("globex", "apr_1")).toBeNull();
});

it("writes nothing for what it has heard before, in whichever order", async () => {
  const report = { ...NOTHING, unknown: [LOST, OTHER], asked: [{ id: "apr_1", expiresAt: 500 }] };
  await reported.take("acme", "wf_1", report);
  await reported.take("acme", "wf_1", { ...report, unknown: [OTHER, LOST] });
  expect(batches).toBe(1);
});

it("says of a state what is open in it", () => {
  expect(reportOf({ ...NEW_WORKFLOW, status: "closed" })).toEqual({ ...NOTHING, closed: true });
});
