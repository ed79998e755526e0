import { describe, expect, it } from "vitest";
import { approvalOf } from "../support/approval.ts";
import { isNodeHost } from "../support/node-host.ts";
import { profileFile } from "../support/profile.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** A document comes without its secret. */
const DONE = "partial_result";

type Value = { readonly op: string; readonly value?: unknown };

/** The way back is as governed as the way in. */
export function undoCases(world: () => World): void {
  describe("undo", () => {
    let n = 0;
    const fresh = (): string => `page-${++n}`;
    const open = (purpose = "lab"): Promise<Workflow> =>
      world().acme.open(world().agent, "dana", { purpose });
    const patient = { headers: { prefer: "wait=0" } };
    const call = async (workflow: Workflow, tool: string, args: object): Promise<Outcome> =>
      (await workflow.request("POST", "/calls", { tool, arguments: args }, patient))
        .body as Outcome;
    const undo = async (workflow: Workflow, of: string): Promise<Outcome> =>
      (await workflow.request("POST", "/undo", { call: of }, patient)).body as Outcome;
    const plan = async (workflow: Workflow, of: string): Promise<unknown> =>
      (await workflow.request("GET", `/undo?of=${of}`)).body;
    /** The values before and after, as humans are shown them. */
    const shown = (outcome: Outcome): readonly unknown[] =>
      (approvalOf(outcome).proposedDiff as readonly Value[]).map(({ value }) => value);

    const refund = (workflow: Workflow, invoiceId: string, cents: number): Promise<Outcome> =>
      call(workflow, "invoices_refund", { invoiceId, refundedCents: cents });
    const quietly = (workflow: Workflow, invoiceId: string, cents: number): Promise<Outcome> =>
      call(workflow, "lab_refund", { invoiceId, refundedCents: cents });
    /** How much was given back of an invoice, as a preview that goes no further tells. */
    const refunded = async (invoiceId: string): Promise<unknown> =>
      shown(await refund(await open("refund"), invoiceId, 3))[0];

    const approved = async (
      workflow: Workflow,
      invoiceId: string,
      cents: number,
    ): Promise<Outcome> => {
      const asked = await refund(workflow, invoiceId, cents);
      await world().acme.decide("erin", approvalOf(asked), "finance");
      const done = await refund(workflow, invoiceId, cents);
      expect(done.outcome).toBe("ok");
      return done;
    };

    it("writes the state before back, as a new workflow with an approval of its own", async () => {
      const { acme } = world();
      const workflow = await open("refund");
      const done = await approved(workflow, "inv_000011", 70);
      const back = await open("refund");
      expect(await plan(back, workflow.id)).toEqual({
        steps: [{ call: done.call, tool: "invoices_refund", undo: "invoices_refund", code: null }],
      });
      const asked = await undo(back, done.call);
      expect(asked.outcome).toBe("human_approval_required");
      expect(shown(asked)).toEqual([70, 0]);
      expect(await refunded("inv_000011")).toBe(70);
      await acme.decide("erin", approvalOf(asked), "finance");
      const undone = await undo(back, done.call);
      expect(undone.outcome).toBe("ok");
      expect(await refunded("inv_000011")).toBe(0);
      // Sent again it is the same undo; from another workflow it is one more, of a state that is gone.
      expect(await undo(back, done.call)).toEqual(undone);
      expect(await undo(await open("refund"), done.call)).toMatchObject({
        outcome: "failed",
        reason: { code: "preview_stale" },
      });
    });

    it("is not done when humans refuse it", async () => {
      const { acme } = world();
      const done = await approved(await open("refund"), "inv_000012", 5);
      const back = await open("refund");
      await acme.decide("erin", approvalOf(await undo(back, done.call)), "finance", "reject");
      expect(await undo(back, done.call)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_rejected" },
      });
      expect(await refunded("inv_000012")).toBe(5);
    });

    it("is taken back itself, as often as anybody likes", async () => {
      const done = await quietly(await open(), "inv_000013", 40);
      const [back, again] = [await open(), await open()];
      const undone = await undo(back, done.call);
      expect(undone.outcome).toBe("ok");
      expect(await refunded("inv_000013")).toBe(0);
      const redone = await undo(again, undone.call);
      expect(redone.outcome).toBe("ok");
      expect(await refunded("inv_000013")).toBe(40);
      expect((await undo(await open(), redone.call)).outcome).toBe("ok");
      expect(await refunded("inv_000013")).toBe(0);
    });

    it("takes two changes of one thing back in reverse order, and not in the other", async () => {
      const workflow = await open();
      const first = await quietly(workflow, "inv_000014", 10);
      const second = await quietly(workflow, "inv_000014", 25);
      const back = await open();
      expect(await plan(back, workflow.id)).toMatchObject({
        steps: [{ call: second.call }, { call: first.call }],
      });
      expect(await undo(back, first.call)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_stale" },
      });
      expect(await refunded("inv_000014")).toBe(25);
      expect((await undo(back, second.call)).outcome).toBe("ok");
      expect(await refunded("inv_000014")).toBe(10);
      expect((await undo(back, first.call)).outcome).toBe("ok");
      expect(await refunded("inv_000014")).toBe(0);
    });

    it("undoes nothing that somebody else has changed since, with or without an approval", async () => {
      const { acme } = world();
      const done = await quietly(await open(), "inv_000015", 10);
      await quietly(await open(), "inv_000015", 11);
      expect(await undo(await open(), done.call)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_stale" },
      });
      const asked = await approved(await open("refund"), "inv_000016", 10);
      const back = await open("refund");
      const waiting = await undo(back, asked.call);
      // Between the question and the answer.
      await quietly(await open(), "inv_000016", 11);
      await acme.decide("erin", approvalOf(waiting), "finance");
      expect(await undo(back, asked.call)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_stale" },
      });
      expect(await refunded("inv_000015")).toBe(11);
      expect(await refunded("inv_000016")).toBe(11);
    });

    it("is held over HTTP by the entity tag that the change left, where nobody is asked", async () => {
      const { acme, lab } = world();
      const [one, other] = [fresh(), fresh()];
      const workflow = await open();
      await workflow.call("tickets_list");
      const changed: Outcome[] = [];
      for (const key of [one, other]) {
        const change = { key, title: "final" };
        const asked = await call(workflow, "lab_page", change);
        await acme.decide("erin", approvalOf(asked), "finance");
        changed.push(await call(workflow, "lab_page", change));
        expect(lab.document(key)).toMatchObject({ version: 2, title: "final" });
      }
      const back = await open();
      const undone = await undo(back, changed[0]!.call);
      expect(undone.outcome).toBe(DONE);
      expect(lab.document(one)).toMatchObject({ version: 3, title: "draft" });
      const [, , last] = lab
        .arrivalsAt(`/document/${one}`)
        .filter(({ method }) => method !== "GET");
      expect(last).toBeUndefined();
      const headers = lab
        .arrivalsAt(`/document/${one}`)
        .map((arrival) => arrival.headers["if-match"]);
      expect(headers).toEqual([undefined, '"v1"', '"v2"']);
      // The other one was touched by somebody, though it reads the same.
      lab.document(other).version++;
      expect(await undo(back, changed[1]!.call)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_stale" },
      });
      expect(lab.document(other)).toMatchObject({ version: 3, title: "final" });
    });

    it("says it where a service has no entity tags: humans are told of the gap, and undo asks them", async () => {
      const { acme, lab } = world();
      const key = fresh();
      const workflow = await open();
      const change = { key, title: "final" };
      const asked = await call(workflow, "lab_untagged", change);
      const { summary } = approvalOf(asked);
      expect(summary).toContain("has no entity tag");
      const { body } = await acme.approvals("erin", "GET", `/${approvalOf(asked).id}`, "view");
      expect(body).toMatchObject({
        summary: expect.stringContaining("has no entity tag") as string,
      });
      await acme.decide("erin", approvalOf(asked), "finance");
      // This is the gap: what was approved is written over what nobody was shown.
      Object.assign(lab.document(key), { secret: "0815" });
      const done = await call(workflow, "lab_untagged", change);
      expect(done.outcome).toBe(DONE);
      const sent = lab.arrivalsAt(`/untagged/${key}`).filter(({ method }) => method === "PATCH");
      expect(sent.map(({ headers }) => headers["if-match"])).toEqual([undefined]);
      // The way back is shown first, so the state that moved on is found out.
      expect(await undo(await open(), done.call)).toMatchObject({
        outcome: "failed",
        reason: { code: "preview_stale" },
      });
      Object.assign(lab.document(key), { secret: "4711" });
      const back = await open();
      const undone = await undo(back, done.call);
      expect(approvalOf(undone).summary).toContain("has no entity tag");
      await acme.decide("erin", approvalOf(undone), "finance");
      expect((await undo(back, done.call)).outcome).toBe(DONE);
      expect(lab.document(key)).toMatchObject({ title: "draft" });
    });

    it("says what it cannot take back, and tells another human nothing", async () => {
      const { acme, agent } = world();
      const workflow = await open();
      const written = await workflow.call("lab_write", { text: "for good" });
      const read = await workflow.call("lab_note", { text: "read" });
      const same = await quietly(workflow, "inv_000017", 0);
      const refusedBy = async (of: Workflow, id: string): Promise<unknown> =>
        ((await undo(of, id)) as unknown as { refused: { code: string } }).refused.code;
      expect(await refusedBy(workflow, written.call)).toBe("not_observed");
      expect(await refusedBy(workflow, read.call)).toBe("not_committed");
      // Was so before, and is so now.
      expect(same.outcome).toBe("ok");
      expect(await refusedBy(workflow, same.call)).toBe("not_committed");
      const unknown = await workflow.call("lab_change_cut");
      expect(unknown.outcome).toBe("outcome_unknown");
      expect(await refusedBy(workflow, unknown.call)).toBe("outcome_unknown");
      expect(await plan(workflow, workflow.id)).toEqual({
        steps: [
          { call: unknown.call, tool: "lab_change_cut", undo: null, code: "outcome_unknown" },
          { call: written.call, tool: "lab_write", undo: null, code: "not_observed" },
        ],
      });
      const erin = await acme.open(agent, "erin", { purpose: "billing-review" });
      expect(await refusedBy(erin, written.call)).toBe("call_unknown");
      expect(await refusedBy(erin, "call_of_nobody")).toBe("call_unknown");
      expect((await erin.request("GET", `/undo?of=${workflow.id}`)).status).toBe(404);
    });

    it("counts a call that is still under way as one of which nobody knows", async () => {
      const { lab } = world();
      const workflow = await open();
      const key = fresh();
      const running = workflow.call("lab_change_gate", { key });
      await lab.waiting(key);
      const admitted = (await workflow.events()).at(-1)?.event;
      expect(await plan(workflow, workflow.id)).toMatchObject({
        steps: [{ call: admitted?.["call"], code: "outcome_unknown" }],
      });
      lab.open(key);
      expect((await running).outcome).toBe("ok");
    });

    it("takes a whole workflow back from the command line, and reports what it could not", async () => {
      const { host } = world();
      if (!isNodeHost(host)) return;
      const workflow = await open();
      const first = await quietly(workflow, "inv_000018", 10);
      const written = await workflow.call("lab_write", { text: "for good" });
      const second = await quietly(workflow, "inv_000018", 25);
      const profile = await profileFile(world(), "undo");
      const whole = await host.command("workflow", "undo", workflow.id, "--as", profile, "--json");
      expect(whole.stderr).toBe("");
      expect(JSON.parse(whole.stdout)).toMatchObject({
        undone: [
          { call: second.call, tool: "lab_refund", answer: { outcome: "ok" } },
          { call: written.call, tool: "lab_write", answer: { refused: { code: "not_observed" } } },
          { call: first.call, tool: "lab_refund", answer: { outcome: "ok" } },
        ],
      });
      // Not everything is as it was before.
      expect(whole.code).toBe(1);
      expect(await refunded("inv_000018")).toBe(0);
      const { undone } = JSON.parse(whole.stdout) as { undone: { answer: Outcome }[] };
      const redo = await host.command("call", "undo", undone[2]!.answer.call, "--as", profile);
      expect(redo.stdout).toContain("yes");
      expect(redo.code).toBe(0);
      expect(await refunded("inv_000018")).toBe(10);
    });
  });
}
