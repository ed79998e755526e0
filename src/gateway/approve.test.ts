import { describe, expect, it } from "vitest";
import type { ApprovalKind } from "../core/model/bundle.ts";
import { ALLOW, DENY, type Script, writeTool } from "../core/testing.ts";
import { decideApproval, listApprovals, showApproval } from "./approve.ts";
import { Bench } from "./testing.ts";

const FINANCE: ApprovalKind = { id: "finance", title: "F", lifeMs: 60_000, selfApproval: false };
const SCRIPT: Script = ({ action, context }) =>
  action === "mutate" && !(context["approvals"] as string[]).includes("finance") ? DENY : ALLOW;
const ERIN = { human: "erin", groups: ["billing-admins"] };

async function asked(preview: readonly string[] | null): Promise<Bench> {
  const bench = new Bench([writeTool({ preview })], { approvalKinds: [FINANCE] });
  bench.script = SCRIPT;
  await bench.open();
  await bench.call("tickets_open", { id: 7 });
  return bench;
}

describe("a request for approval", () => {
  it("is listed without a value", async () => {
    const bench = await asked(["ticket"]);
    const lines = await listApprovals(bench.gateway(), "acme", ERIN);
    expect(lines).toMatchObject([{ workflow: "wf_1", tool: "tickets_open", kinds: ["finance"] }]);
    expect(JSON.stringify(lines)).not.toContain('"id":7');
  });

  it.each([
    ["with its change, where the tool has a preview", ["ticket"]],
    ["with its arguments alone, where it has none", null],
  ])("is shown %s", async (_what, preview) => {
    const bench = await asked(preview);
    const [request] = bench.state.approvals;
    const view = await showApproval(bench.gateway(), "acme", request!.id, ERIN);
    expect(view).toMatchObject({
      status: "pending",
      arguments: { id: 7 },
      digest: request!.digest,
      startedBy: "human-pseudonym",
    });
    expect(view?.proposedDiff === undefined).toBe(preview === null);
  });

  it("is not there for a human who could give none of its kinds, listed or shown", async () => {
    const bench = await asked(["ticket"]);
    const [request] = bench.state.approvals;
    const look = async (viewer: typeof ERIN): Promise<readonly boolean[]> => [
      (await listApprovals(bench.gateway(), "acme", viewer)).length > 0,
      (await showApproval(bench.gateway(), "acme", request!.id, viewer)) !== null,
    ];
    bench.authority = ({ principal, context, resource }) =>
      principal === "erin" && resource.id === "finance" && context["requester"] === false
        ? ALLOW
        : DENY;
    expect(await look(ERIN)).toEqual([true, true]);
    expect(await look({ human: "olga", groups: ["billing-admins"] })).toEqual([false, false]);
    // Whose agent it is may follow what becomes of it.
    expect(await look({ human: "human-pseudonym", groups: [] })).toEqual([true, true]);
    bench.authority = () => {
      throw new Error("trap");
    };
    expect(await look(ERIN)).toEqual([false, false]);
  });

  it.each([
    ["who is locked", { target: "human", value: "erin" }],
    ["of a tenant that is locked", { target: "tenant", value: "acme" }],
  ] as const)("is not there for a human %s", async (_who, lock) => {
    const bench = await asked(["ticket"]);
    const [request] = bench.state.approvals;
    bench.locks = { epoch: 1, locks: [{ id: "lck_1", ...lock }], revocations: [] };
    expect(await listApprovals(bench.gateway(), "acme", ERIN)).toEqual([]);
    expect(await showApproval(bench.gateway(), "acme", request!.id, ERIN)).toBeNull();
    bench.locks = null;
    expect(await showApproval(bench.gateway(), "acme", request!.id, ERIN)).toBeNull();
  });

  it.each([
    ["may not see a value that would change", () => DENY],
    [
      "nobody can judge",
      () => {
        throw new Error("trap");
      },
    ],
  ] as const)("shows no argument, and no target, to a human who %s", async (_who, answer) => {
    const bench = await asked(["ticket"]);
    const [request] = bench.state.approvals;
    bench.script = (question) => (question.human === true ? answer() : SCRIPT(question));
    const view = await showApproval(bench.gateway(), "acme", request!.id, ERIN);
    expect(view).toMatchObject({
      status: "pending",
      summary: expect.stringContaining("not shown"),
    });
    expect(view).not.toHaveProperty("arguments");
    expect(JSON.stringify(view)).not.toContain('"id\\":7');
  });

  it("is shown as expired once its time is over", async () => {
    const bench = await asked(["ticket"]);
    const [request] = bench.state.approvals;
    bench.now = request!.expiresAt;
    const view = await showApproval(bench.gateway(), "acme", request!.id, ERIN);
    expect(view?.status).toBe("expired");
  });

  it("shows what the same workflow asked for before, and what of it was about the same target", async () => {
    const bench = await asked(["ticket"]);
    const [first] = bench.state.approvals;
    const decision = { kind: "finance", verdict: "approve", digest: first!.digest } as const;
    await decideApproval(bench.gateway(), "acme", first!.id, ERIN, decision);
    await bench.call("tickets_open", { id: 7 });
    await bench.call("tickets_open", { id: 8 });
    await bench.call("tickets_open", { id: 7, note: "again" });
    const last = bench.state.approvals.at(-1)!;
    const view = await showApproval(bench.gateway(), "acme", last.id, ERIN);
    expect(view?.earlier.map(({ id, status }) => [id, status])).toEqual([
      [bench.state.approvals[1]!.id, "pending"],
      [first!.id, "used"],
    ]);
    const none = await showApproval(bench.gateway(), "acme", first!.id, ERIN);
    expect(none?.earlier).toEqual([]);
  });

  it("is decided once, and says why not", async () => {
    const bench = await asked(["ticket"]);
    const [request] = bench.state.approvals;
    const decision = { kind: "finance", verdict: "approve", digest: request!.digest } as const;
    const decide = (id: string) => decideApproval(bench.gateway(), "acme", id, ERIN, decision);
    expect(await decide("apr_none")).toMatchObject({ kind: "refused", code: "approval_unknown" });
    expect(await decide(request!.id)).toEqual({ kind: "decided", complete: true });
    expect(await decide(request!.id)).toMatchObject({ kind: "refused", code: "approval_over" });
  });

  it("stays undecided when the decision cannot be recorded", async () => {
    const bench = await asked(["ticket"]);
    const [request] = bench.state.approvals;
    bench.failCommitOf = "approval.decided";
    const decision = { kind: "finance", verdict: "approve", digest: request!.digest } as const;
    const decided = await decideApproval(bench.gateway(), "acme", request!.id, ERIN, decision);
    expect(decided).toEqual({ kind: "unavailable" });
  });
});
