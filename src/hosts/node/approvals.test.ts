import { expect, it } from "vitest";
import { nodeApprovals } from "./approvals.ts";
import { hostOn, openCommand, temporaryFolder } from "./testing.ts";

it("lists what waits in workflows that live, however much was asked in those that are closed", async () => {
  using folder = temporaryFolder();
  using host = hostOn(folder.path);
  const index = nodeApprovals(host.folder.db);
  const asked = host.folder.db.prepare("INSERT INTO approval VALUES (?, 'acme', ?, ?)");
  for (const workflow of ["wf_1", "wf_2"]) {
    const session = host.sessions.create("acme", workflow);
    await session.submit(openCommand(workflow, session.keyDigest));
    if (workflow === "wf_1") await session.submit({ type: "close", seat: "seat_1" });
  }
  host.folder.db.exec("BEGIN");
  for (let n = 0; n < 300; n++) asked.run(`apr_closed_${n}`, "wf_1", 1_000 + n);
  asked.run("apr_open", "wf_2", 5_000);
  asked.run("apr_over", "wf_2", 999);
  host.folder.db.exec("COMMIT");
  expect(index.pending("acme", 999)).toEqual([{ id: "apr_open", workflow: "wf_2" }]);
  expect(index.pending("globex", 0)).toEqual([]);
  // Who has the id still finds what became of it.
  expect(index.workflowOf("acme", "apr_closed_7")).toBe("wf_1");
  expect(index.workflowOf("globex", "apr_closed_7")).toBeNull();
});
