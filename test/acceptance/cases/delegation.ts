import { describe, expect, it } from "vitest";
import { lock, unlock } from "../support/locks.ts";
import { payloadOf } from "../support/keys.ts";
import type { OAuthRefusal } from "../support/tenant.ts";
import { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

const WISH = { purpose: "lab" };
const note = { text: "from a seat" };

/** A sub-agent gets a place in the same workflow, with less of everything. */
export function delegationCases(world: () => World): void {
  const open = (): Promise<Workflow> => world().acme.open(world().agent, "dana", WISH);
  const reasonOf = (body: unknown): unknown =>
    ((body as OAuthRefusal).outcome as { reason?: unknown } | undefined)?.reason;

  describe("a seat", () => {
    it("is one of the same workflow, and may do what giver and trust allow", async () => {
      const { acme, helper, lab } = world();
      const workflow = await open();
      const seat = await acme.seat(workflow, helper, { tools: ["lab_note"], limits: { calls: 3 } });
      expect(seat.id).toBe(workflow.id);
      expect(seat.seat).not.toBe(workflow.seat);
      expect(seat.tools).toEqual(["lab_note"]);
      expect(payloadOf(seat.credential)).toMatchObject({
        workflow: workflow.id,
        seat: seat.seat,
        client_id: "helper-agent",
        cnf: { jkt: await helper.thumbprint() },
      });
      const outcome = await seat.call("lab_note", note);
      expect(outcome).toMatchObject({ outcome: "ok" });
      const [admitted] = await workflow.eventsOf(outcome.call);
      expect(admitted).toMatchObject({
        seat: seat.seat,
        agent: "helper-agent",
        chain: ["helper-agent", "support-agent"],
      });
      const arrival = lab.arrivalsAt("/note").at(-1);
      expect(payloadOf(String(arrival?.headers["txn-token"]))["act"]).toEqual({
        sub: "helper-agent",
        sub_profile: "ai_agent",
        act: { sub: "support-agent", sub_profile: "ai_agent" },
      });
    });

    it("has no tool, no budget and no time that its giver has not", async () => {
      const { acme, helper, worker } = world();
      const workflow = await open();
      const seat = await acme.seat(workflow, helper, { tools: ["lab_note"], lifeMs: 60_000 });
      for (const tools of [["lab_write"], ["lab_vault"], ["lab_note", "lab_gate"]]) {
        const { status, body } = await acme.delegate(seat, worker, { tools });
        expect(status).toBe(400);
        expect(body).toMatchObject({ error: "access_denied" });
        expect(reasonOf(body)).toMatchObject({
          code: "delegation_denied",
          ruleIds: ["default:delegation"],
        });
      }
      const below = await acme.seat(seat, worker, { limits: { calls: 9_999 }, lifeMs: 3_600_000 });
      expect(below.tools).toEqual(["lab_note"]);
      const [granted] = (await workflow.events())
        .map(({ event }) => event)
        .filter((event) => event["seat"] === below.seat);
      expect(granted).toMatchObject({ type: "seat.granted", limits: { calls: 20 } });
      expect(Number(granted?.["expiresAt"]) - Number(granted?.at)).toBeLessThanOrEqual(60_000);
      expect(await seat.call("lab_write", note)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "tool_not_granted" },
      });
    });

    it("is charged to everybody behind it, and stops at its own cap", async () => {
      const { acme, helper } = world();
      const workflow = await open();
      const seat = await acme.seat(workflow, helper, { limits: { calls: 2 } });
      const outcomes = await Promise.all([1, 2, 3, 4].map(() => seat.call("lab_note", note)));
      const codes = outcomes.map((one) => one.reason?.code ?? one.outcome).sort();
      expect(codes).toEqual(["budget_exhausted", "budget_exhausted", "ok", "ok"]);
      expect((await workflow.view()).used.calls).toBe(2);
      expect(await workflow.call("lab_note", note)).toMatchObject({ outcome: "ok" });
    });

    it("has a state of its own, and does not end what others began", async () => {
      const { acme, helper } = world();
      const workflow = await open();
      const seat = await acme.seat(workflow, helper);
      await workflow.request("PUT", "/checkpoint", "the giver's");
      expect((await seat.request("GET", "/checkpoint")).status).toBe(404);
      await seat.request("PUT", "/checkpoint", "the taker's");
      const states = await Promise.all(
        [workflow, seat].map((one) => one.request("GET", "/checkpoint")),
      );
      expect(states.map(({ body }) => (body as { value: unknown }).value)).toEqual([
        "the giver's",
        "the taker's",
      ]);
      expect((await seat.request("POST", "/close")).status).toBe(403);
      expect(await workflow.call("lab_note", note)).toMatchObject({ outcome: "ok" });
      expect((await workflow.request("POST", "/close")).status).toBe(200);
    });

    it("renews for its own agent and key, and for nobody else's", async () => {
      const { acme, helper, agent } = world();
      const workflow = await open();
      const seat = await acme.seat(workflow, helper);
      const renewal = {
        form: { subject_token_type: "urn:ietf:params:oauth:token-type:access_token" },
      };
      expect((await acme.exchange(helper, seat.credential, null, renewal)).status).toBe(200);
      const stolen = await acme.exchange(agent, seat.credential, null, renewal);
      expect(stolen).toMatchObject({ status: 400, body: { error: "invalid_request" } });
      const raised = await acme.exchange(helper, workflow.credential, null, renewal);
      expect(raised).toMatchObject({ status: 400, body: { error: "invalid_request" } });
    });

    it("needs trust, the taker's own word, and no circle", async () => {
      const { acme, helper, agent, stranger } = world();
      const workflow = await open();
      const seat = await acme.seat(workflow, helper);
      const circle = await acme.delegate(seat, agent);
      expect(reasonOf(circle.body)).toMatchObject({ ruleIds: ["core:cycle"] });
      const forged = await acme.delegate(
        workflow,
        helper,
        {},
        {
          actor_token: await stranger.actorToken(acme.tokenEndpoint, workflow.id, {
            ...{ iss: "helper-agent", sub: "helper-agent" },
          }),
        },
      );
      expect(forged).toMatchObject({ status: 400, body: { error: "invalid_request" } });
      const elsewhere = await acme.delegate(
        workflow,
        helper,
        {},
        {
          actor_token: await helper.actorToken(acme.tokenEndpoint, (await open()).id),
        },
      );
      expect(elsewhere).toMatchObject({ status: 400, body: { error: "invalid_request" } });
      const actorToken = await helper.actorToken(acme.tokenEndpoint, workflow.id);
      const once = { actor_token: actorToken };
      expect((await acme.delegate(workflow, helper, {}, once)).status).toBe(200);
      expect((await acme.delegate(workflow, helper, {}, once)).status).toBe(400);
      const refused = (await workflow.events()).filter(
        ({ event }) => event.type === "seat.refused",
      );
      expect(refused).toHaveLength(1);
    });

    it("dies with the agent that gave it, and takes nobody with it", async () => {
      const { acme, helper, worker, host } = world();
      const workflow = await open();
      const seat = await acme.seat(workflow, helper);
      const below = await acme.seat(seat, worker);
      const held = await lock(host, "agent", "helper-agent");
      try {
        for (const one of [seat, below]) {
          expect(await one.call("lab_note", note)).toMatchObject({ reason: { code: "locked" } });
        }
        expect(await workflow.call("lab_note", note)).toMatchObject({ outcome: "ok" });
      } finally {
        await unlock(host, held);
      }
      // Revoked for good: only a new seat lives.
      expect(await below.call("lab_note", note)).toMatchObject({ reason: { code: "locked" } });
      const again = await acme.seat(workflow, helper);
      expect(await again.call("lab_note", note)).toMatchObject({ outcome: "ok" });
    });
  });

  describe("a tool that is itself an agent", () => {
    it("takes one seat for its call, which ends with the call", async () => {
      const { acme, worker, helper, lab } = world();
      const workflow = await open();
      const asking = workflow.call("lab_ask", { key: "ask-1" });
      await lab.waiting("ask-1");
      const token = String(lab.arrivalsAt("/gate/ask-1")[0]?.headers["txn-token"]);
      const thief = await acme.exchangeCall(helper, token);
      expect(reasonOf(thief.body)).toMatchObject({ ruleIds: ["core:call"] });
      const answer = await acme.exchangeCall(worker, token);
      expect(answer.status).toBe(200);
      const seat = Workflow.from(acme, worker, answer);
      expect(seat.id).toBe(workflow.id);
      const again = await acme.exchangeCall(worker, token);
      expect(reasonOf(again.body)).toMatchObject({ ruleIds: ["core:call"] });
      const inner = await seat.call("lab_note", note);
      expect(inner).toMatchObject({ outcome: "ok" });
      expect((await workflow.eventsOf(inner.call))[0]).toMatchObject({
        chain: ["worker-agent", "support-agent"],
      });
      lab.open("ask-1");
      expect(await asking).toMatchObject({ outcome: "ok" });
      expect(await seat.call("lab_note", note)).toMatchObject({ reason: { code: "seat_unknown" } });
      const late = await acme.exchangeCall(worker, token);
      expect(late).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    });

    it("takes none with a token that nobody signed, or of another kind", async () => {
      const { acme, worker } = world();
      const workflow = await open();
      for (const token of [workflow.credential, "a.b.c"]) {
        const answer = await acme.exchangeCall(worker, token);
        expect(answer).toMatchObject({ status: 400, body: { error: "invalid_request" } });
      }
    });
  });
}
