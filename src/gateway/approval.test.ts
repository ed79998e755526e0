import { describe, expect, it } from "vitest";
import type { ApprovalKind } from "../core/model/bundle.ts";
import { ALLOW, DENY, readTool, type Script, sha256, writeTool } from "../core/testing.ts";
import { canonical } from "../core/model/json.ts";
import { operationDigest, previewDigest } from "../core/model/operation.ts";
import { Bench, PREVIEW } from "./testing.ts";

const FINANCE: ApprovalKind = {
  id: "finance",
  title: "Finance",
  lifeMs: 600_000,
  selfApproval: false,
};
/** Mutations want finance; everything else is allowed. */
const WANTS_FINANCE: Script = ({ action, context }) =>
  action === "mutate" && !(context["approvals"] as string[]).includes("finance") ? DENY : ALLOW;

async function bench(preview: readonly string[] | null = ["ticket"]): Promise<Bench> {
  const tools = [readTool(), writeTool({ preview })];
  const made = new Bench(tools, { approvalKinds: [FINANCE] });
  made.script = WANTS_FINANCE;
  return made.open();
}

async function decide(made: Bench, verdict: "approve" | "reject" = "approve"): Promise<void> {
  const request = made.state.approvals.findLast((one) => one.status === "pending")!;
  await made.submit({
    type: "decideApproval",
    approval: request.id,
    kind: "finance",
    verdict,
    human: "another-human",
    groups: [],
    digest: request.digest,
  });
}

describe("a call that needs a human", () => {
  it("is previewed for real, and asks with the difference", async () => {
    const made = await bench();
    const outcome = await made.call("tickets_open", { id: 7 });
    expect(outcome).toMatchObject({
      outcome: "human_approval_required",
      approval: {
        url: expect.stringContaining("https://gate.example/acme/approvals/apr_"),
        kinds: ["finance"],
        summary: expect.stringContaining('on {"id":7}'),
        proposedDiff: [
          { op: "test", path: "/amount", value: 1 },
          { op: "replace", path: "/amount", value: 2 },
        ],
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    expect(made.log).toEqual(["workflow.opened", "call.admitted", "sent", "call.settled"]);
    expect(made.claims).toMatchObject([{ tctx: { mode: "preview", preview: null } }]);
    expect(made.sent[0]?.request.operation).toMatchObject({ http: { method: "GET" } });
  });

  it("is carried out once it is sent again and was approved, bound to what was shown", async () => {
    const made = await bench();
    await made.call("tickets_open", { id: 7 });
    await decide(made);
    expect(await made.call("tickets_open", { id: 7 })).toMatchObject({ outcome: "ok" });
    expect(made.claims[1]).toMatchObject({
      tctx: { mode: "execute", preview: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(made.sent[1]?.request).toMatchObject({
      operation: { http: { method: "POST" } },
      preview: { changes: expect.stringMatching(/^[0-9a-f]{64}$/), etag: '"v1"' },
      idempotencyKey: expect.stringMatching(/^call_/),
    });
  });

  it("leaves no digest in the record against which somebody could try values out", async () => {
    const made = await bench();
    const asked = await made.call("tickets_open", { id: 7 });
    await decide(made);
    const done = await made.call("tickets_open", { id: 7 });
    const { call } = made.gateway().evidence;
    const events = await Promise.all([asked, done].map((one) => call("acme", one.call)));
    const record = JSON.stringify(events);
    const [shown, sent] = made.sent.map(({ request }) => request);
    const { preview } = sent!;
    expect(preview?.salt).toMatch(/^[0-9a-f]{32}$/);
    for (const guess of [
      operationDigest(sha256, shown!.operation),
      operationDigest(sha256, sent!.operation),
      preview!.changes,
      sha256(canonical({ changes: preview!.changes, etag: preview!.etag })),
    ]) {
      expect(record).not.toContain(guess);
    }
    // What the token names is there all the same: its claims can be told from the record.
    expect(record).toContain(previewDigest(sha256, preview!));
  });

  it("waits for the decision when it is sent again before it", async () => {
    const made = await bench();
    await made.call("tickets_open", { id: 7 });
    const waiting = made.call("tickets_open", { id: 7 });
    await decide(made);
    expect(await waiting).toMatchObject({ outcome: "ok" });
  });

  it("answers with the same request when nobody decides while it may wait", async () => {
    const made = await bench();
    const first = await made.call("tickets_open", { id: 7 });
    const gateway = made.gateway();
    const session = (await gateway.sessions.find("acme", "wf_1"))!;
    const { stillWaiting } = await import("./join.ts");
    const impatient = {
      state: session.state,
      keyDigest: "",
      submit: session.submit,
      consider: session.consider,
      moved: () => Promise.resolve(false),
      kept: session.kept,
      input: session.input,
      inputAt: session.inputAt,
    };
    const id = made.state.approvals[0]!.id;
    expect(await stillWaiting(gateway, impatient, id, 0)).toEqual(first);
  });

  it("is carried out once, however often it is sent again in parallel", async () => {
    const made = await bench();
    await made.call("tickets_open", { id: 7 });
    await decide(made);
    const again = await Promise.all(
      Array.from({ length: 8 }, () => made.call("tickets_open", { id: 7 })),
    );
    expect(new Set(again.map((one) => one.call)).size).toBe(1);
    expect(again.map((one) => one.outcome)).toEqual(Array(8).fill("ok"));
    expect(made.sent).toHaveLength(2);
  });

  it("stays rejected after a human said no", async () => {
    const made = await bench();
    await made.call("tickets_open", { id: 7 });
    await decide(made, "reject");
    expect(await made.call("tickets_open", { id: 7 })).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "approval_rejected", blockedBy: expect.stringMatching(/^apr_/) },
    });
    expect(await made.call("tickets_open", { id: 8 })).toMatchObject({
      outcome: "human_approval_required",
    });
  });

  it("is denied as stale when the connector found another difference", async () => {
    const made = await bench();
    await made.call("tickets_open", { id: 7 });
    await decide(made);
    made.answer = () => Promise.resolve({ ok: false, code: "preview_stale", effect: "none" });
    expect(await made.call("tickets_open", { id: 7 })).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "approval_stale" },
    });
  });

  it("sends nothing when what was approved is no longer kept", async () => {
    const made = await bench();
    await made.call("tickets_open", { id: 7 });
    await decide(made);
    made.kept.clear();
    expect(await made.call("tickets_open", { id: 7 })).toMatchObject({
      outcome: "failed",
      reason: { code: "preview_unavailable" },
    });
    expect(made.sent).toHaveLength(1);
  });

  it("says where nothing holds the execution against what was shown", async () => {
    const made = await bench();
    const summary = async (): Promise<string> => {
      const outcome = await made.call("tickets_open", { id: made.log.length });
      return "approval" in outcome ? outcome.approval.summary : "";
    };
    expect(await summary()).not.toContain("newer state");
    made.preview = { ...PREVIEW, bound: false };
    expect(await summary()).toContain("may meet a newer state");
  });

  it("asks with the operation alone where the tool has no preview", async () => {
    const made = await bench(null);
    const outcome = await made.call("tickets_open", { id: 7 });
    expect(outcome).toMatchObject({
      outcome: "human_approval_required",
      approval: { summary: expect.stringContaining("no preview") },
    });
    expect(JSON.stringify(outcome)).not.toContain("proposedDiff");
    expect(made.log).toEqual(["workflow.opened", "call.refused"]);
  });

  it("fails, and asks nothing, when the preview could not be made", async () => {
    const made = await bench();
    made.preview = { ...PREVIEW, read: () => ({ ok: false, code: "preview_too_large" }) };
    expect(await made.call("tickets_open", { id: 7 })).toMatchObject({
      outcome: "failed",
      reason: { code: "preview_too_large" },
    });
    expect(made.state.approvals).toEqual([]);
  });
});

describe("a call that is sent twice", () => {
  it("joins the identical one in flight", async () => {
    const made = await new Bench().open();
    const both = await Promise.all([made.call("tickets_open"), made.call("tickets_open")]);
    expect(both[0]).toEqual(both[1]);
    expect(made.sent).toHaveLength(1);
  });

  it("is told its first end under the same idempotency key", async () => {
    const made = await new Bench().open();
    const key = { idempotencyKey: "k-1" };
    const first = await made.call("tickets_open", { id: 1 }, key);
    expect(await made.call("tickets_open", { id: 1 }, key)).toEqual(first);
    expect(await made.call("tickets_open", { id: 2 }, key)).toMatchObject({
      outcome: "failed",
      reason: { code: "idempotency_conflict" },
    });
    expect(made.sent).toHaveLength(1);
  });

  it("is told of the effect alone once its result is no longer kept", async () => {
    const made = await new Bench().open();
    const key = { idempotencyKey: "k-1" };
    await made.call("tickets_open", { id: 1 }, key);
    made.kept.clear();
    expect(await made.call("tickets_open", { id: 1 }, key)).toMatchObject({
      outcome: "ok",
      result: { kind: "text" },
    });
  });

  it("is refused while nobody knows whether the first took effect", async () => {
    const made = await new Bench().open();
    made.answer = () => Promise.resolve({ ok: false, code: "connector_lost", effect: "possible" });
    const first = await made.call("tickets_open");
    expect(first.outcome).toBe("outcome_unknown");
    expect(await made.call("tickets_open")).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "effect_unknown", blockedBy: first.call },
    });
  });
});
