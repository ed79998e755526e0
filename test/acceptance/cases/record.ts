import { describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { chainHeads } from "../support/chain.ts";
import { listLocks } from "../support/locks.ts";
import type { World } from "../support/world.ts";

/** The record and the agent's own state: durable, chained, nobody else's. */
export function recordCases(world: () => World): void {
  const open = (): ReturnType<World["acme"]["open"]> =>
    world().acme.open(world().agent, "dana", { purpose: "lab" });

  describe("the record", () => {
    it("tells a workflow from open to close, in order, as a chain that anybody can compute", async () => {
      const workflow = await open();
      const { call } = await workflow.call("lab_note", { text: "canary-note" });
      await workflow.call("lab_fortress");
      await workflow.request("PUT", "/checkpoint", { step: "canary-step" });
      expect((await workflow.request("POST", "/close")).status).toBe(200);
      const events = await workflow.events();
      expect(events.map(({ event }) => [event.seq, event.type])).toEqual([
        [0, "workflow.opened"],
        [1, "call.admitted"],
        [2, "call.settled"],
        [3, "call.refused"],
        [4, "checkpoint.saved"],
        [5, "workflow.closed"],
      ]);
      expect(events.map(({ hash }) => hash)).toEqual(chainHeads("acme", workflow.id, events));
      const elsewhere = chainHeads("globex", workflow.id, events);
      expect(events[0]?.hash).not.toBe(elsewhere[0]);
      expect(JSON.stringify(events)).not.toContain("canary");
      const [, admitted, settled] = events.map(({ event }) => event);
      expect(admitted).toMatchObject({
        call,
        agent: "support-agent",
        tool: "lab_note",
        action: "read",
        destination: "lab",
        rules: {
          network: ["agents-reach-acme"],
          action: ["support-reads-records"],
          data: ["support-sees-records"],
          budget: ["agents-spend-their-budget"],
        },
        plan: { "lab.note": { allow: true, ruleIds: ["support-sees-records"] } },
        cost: 1,
        lockEpoch: (await listLocks(world().host)).epoch,
      });
      expect(settled).toMatchObject({ call, outcome: "ok", code: null, calls: 1, cost: 1 });
    });

    it("is given in pages", async () => {
      const workflow = await open();
      for (let n = 0; n < 3; n++) await workflow.call("lab_fortress");
      const first = (await workflow.request("GET", "/events?limit=3")).body as {
        events: object[];
        next: number;
      };
      expect(first.events).toHaveLength(3);
      expect(first.next).toBe(2);
      const rest = (await workflow.request("GET", "/events?after=2")).body as {
        events: object[];
        next: null;
      };
      expect(rest.events).toHaveLength(1);
      expect(rest.next).toBeNull();
      for (const query of ["after=x", "limit=x", "limit=0", "limit=-1", "after=1e3"]) {
        expect((await workflow.request("GET", `/events?${query}`)).status, query).toBe(400);
      }
    });

    it("tells one workflow from another only to its own agent", async () => {
      const [mine, other] = await Promise.all([open(), open()]);
      const { call } = await other.call("lab_note", { text: "x" });
      const base = `${mine.tenant.url}/v1/workflows`;
      const unknownWorkflow = `wf_${"0".repeat(32)}`;
      const unknownCall = `call_${"0".repeat(32)}`;
      for (const [foreign, unknown] of [
        [`${base}/${other.id}`, `${base}/${unknownWorkflow}`],
        [`${base}/${other.id}/events`, `${base}/${unknownWorkflow}/events`],
        [`${base}/${other.id}/checkpoint`, `${base}/${unknownWorkflow}/checkpoint`],
        [`${mine.url}/calls/${call}`, `${mine.url}/calls/${unknownCall}`],
      ] as const) {
        const answers = [await mine.request("GET", foreign), await mine.request("GET", unknown)];
        expect(answers.map(({ status }) => status)).toEqual([404, 404]);
        expect(answers[0]?.text).toBe(answers[1]?.text);
        expect(headersOf(answers[0]!.headers)).toEqual(headersOf(answers[1]!.headers));
      }
      const posts = await Promise.all(
        [other.id, unknownWorkflow].map((id) =>
          mine.request("POST", `${base}/${id}/calls`, {
            tool: "lab_note",
            arguments: { text: "x" },
          }),
        ),
      );
      expect(posts.map(({ status }) => status)).toEqual([404, 404]);
      expect(posts[0]?.text).toBe(posts[1]?.text);
      expect(
        (await other.events()).filter(({ event }) => event.type === "call.admitted"),
      ).toHaveLength(1);
    });

    it("looks the same from another tenant, whether the workflow exists or not", async () => {
      const { globex, stranger } = world();
      const mine = await open();
      const theirs = await globex.open(stranger, "pat", { purpose: "lab" });
      const base = `${globex.url}/v1/workflows`;
      const foreign = await theirs.request("GET", `${base}/${mine.id}`);
      const unknown = await theirs.request("GET", `${base}/wf_${"0".repeat(32)}`);
      expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
      const crossed = await theirs.request("GET", mine.url);
      expect(crossed.status).toBe(401);
      const nobody = await send(`${world().host.urls.gateway}/initech/v1/workflows/${mine.id}`);
      expect(nobody.status).toBe(404);
      expect((await theirs.request("GET", "")).status).toBe(200);
    });

    it("keeps tenants' humans apart: the same person has another name in each", async () => {
      const { acme, globex, agent, stranger } = world();
      const here = await acme.open(agent, "dana", { purpose: "lab" });
      const there = await globex.open(stranger, "dana", { purpose: "lab" });
      const humans = await Promise.all(
        [here, there].map(async (one) => (await one.events())[0]?.event["human"]),
      );
      expect(humans[0]).toMatch(/^[0-9a-f]{64}$/);
      expect(humans[1]).toMatch(/^[0-9a-f]{64}$/);
      expect(humans[0]).not.toBe(humans[1]);
    });
  });

  describe("the checkpoint", () => {
    it("is kept as it was put, and replaced by the next", async () => {
      const workflow = await open();
      expect((await workflow.request("GET", "/checkpoint")).status).toBe(404);
      const first = { step: 1, notes: ["ä", null, { deep: true }] };
      const put = await workflow.request("PUT", "/checkpoint", first);
      expect([put.status, put.body]).toEqual([200, { seq: 1 }]);
      expect((await workflow.request("GET", "/checkpoint")).body).toEqual({ seq: 1, value: first });
      await workflow.request("PUT", "/checkpoint", "another");
      expect((await workflow.request("GET", "/checkpoint")).body).toEqual({
        seq: 2,
        value: "another",
      });
    });

    it("has a limit, and is not lost by running into it", async () => {
      const workflow = await open();
      const most = "x".repeat(256 * 1_024 - 2);
      expect((await workflow.request("PUT", "/checkpoint", most)).status).toBe(200);
      const more = await workflow.request("PUT", "/checkpoint", `${most}x`);
      expect([more.status, (more.body as { code: string }).code]).toEqual([409, "conflict"]);
      expect((await workflow.request("GET", "/checkpoint")).body).toEqual({ seq: 1, value: most });
    });
  });

  describe("a closed workflow", () => {
    it("admits nothing more, and can still be read", async () => {
      const workflow = await open();
      expect((await workflow.request("POST", "/close")).status).toBe(200);
      const outcome = await workflow.call("lab_note", { text: "late" });
      expect(outcome).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "workflow_closed", ruleIds: ["core:workflow"] },
      });
      expect((await workflow.request("PUT", "/checkpoint", 1)).status).toBe(409);
      expect((await workflow.request("POST", "/close")).status).toBe(409);
      const form = { subject_token_type: "urn:ietf:params:oauth:token-type:access_token" };
      const renewal = await workflow.tenant.exchange(workflow.agent, workflow.credential, null, {
        form,
      });
      expect(renewal.status).toBe(400);
      expect((await workflow.view()).status).toBe("closed");
      expect((await workflow.events()).at(-1)?.event).toMatchObject({
        type: "call.refused",
        code: "workflow_closed",
      });
    });
  });
}

/** Without what differs between any two answers. */
function headersOf(headers: Headers): object {
  const { date: _, ...rest } = Object.fromEntries(headers);
  return rest;
}
