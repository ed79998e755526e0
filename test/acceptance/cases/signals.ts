import { describe, expect, it } from "vitest";
import { Agent, keyPair, unsigned } from "../support/keys.ts";
import { signalsOf, tenantSignals, underRules } from "../support/signals.ts";
import { until } from "../support/until.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

const LAB = { purpose: "lab" };
const ACCESS = "urn:ietf:params:oauth:token-type:access_token";
const RENEW = { subject_token_type: ACCESS };

/** Something suspicious becomes a lock by itself, and nothing else does. */
export function signalCases(world: () => World): void {
  const open = (by = world().agent, more = {}): Promise<Workflow> =>
    world().acme.open(by, "dana", { ...LAB, ...more });
  const note = (workflow: Workflow): Promise<Outcome> => workflow.call("lab_note", { text: "x" });
  const called = (one: object) => expect.objectContaining(one) as unknown;

  /** The same agent with a key nobody else of this suite has: its lock harms no other case. */
  async function loner(): Promise<Agent> {
    const { agent } = world();
    return new Agent(agent.id, agent.assertionKey, await keyPair("ES256", "proof"));
  }

  describe("signals and containment", () => {
    const { locks, unlockAll, expectLocked } = underRules(world);

    describe("a proof that was used", () => {
      it("locks its workflow when it happens too often, and nothing else of its owner", async () => {
        const { agent } = world();
        const [workflow, other] = [await open(), await open()];
        const { credential: token, url } = workflow;
        const proof = await agent.proof("GET", url, { token });
        const send = () => workflow.request("GET", "", undefined, { proof });
        expect((await send()).status).toBe(200);
        for (let n = 1; n <= 3; n++) {
          // Once: a proof is one for thirty seconds, in which a busy machine starts few commands.
          if (n === 3) expect(await locks()).toEqual([]);
          const again = await send();
          expect(again.status).toBe(401);
          expect(again.body).toMatchObject({
            code: "unauthenticated",
            refusal: { code: "token_replayed" },
          });
        }
        await expectLocked(workflow, "token-replayed");
        const one = { signal: "token_replayed", seat: workflow.seat, call: null };
        const lock = { target: "workflow", value: workflow.id };
        expect(await signalsOf(workflow)).toMatchObject([
          { ...one, containment: null },
          { ...one, containment: null },
          { ...one, containment: { ruleId: "containment:token-replayed", lock } },
        ]);
        expect((await note(other)).outcome).toBe("ok");
        expect((await note(await open())).outcome).toBe("ok");
      });
    });

    describe("a credential with another key", () => {
      it("locks the key of the agent that shows it, and leaves its victim alone", async () => {
        const { acme, helper } = world();
        const victim = await open();
        // An agent of this tenant, with a seat and a key of its own.
        const thief = new Agent(helper.id, helper.assertionKey, await keyPair("ES256", "proof"));
        const seat = await acme.seat(await open(), thief);
        const { credential: token, url } = victim;
        const proof = await thief.proof("GET", url, { token });
        const stolen = await victim.request("GET", "", undefined, { proof });
        expect(stolen.status).toBe(401);
        expect(stolen.body).toMatchObject({ refusal: { code: "context_mismatch" } });
        await expectLocked(seat, "context-mismatch");
        expect(await locks()).toMatchObject([{ target: "key", value: await thief.thumbprint() }]);
        expect((await note(victim)).outcome).toBe("ok");
        expect(await signalsOf(victim)).toMatchObject([{ signal: "context_mismatch" }]);
      });

      it("locks the workflow where whoever shows it has nothing that could be locked", async () => {
        const [workflow, other] = [await open(), await open()];
        const { credential: token, url } = workflow;
        const stranger = await Agent.create("stranger");
        const proof = await stranger.proof("GET", url, { token });
        expect((await workflow.request("GET", "", undefined, { proof })).status).toBe(401);
        await expectLocked(workflow, "context-mismatch");
        expect(await locks()).toMatchObject([{ target: "workflow", value: workflow.id }]);
        expect((await note(other)).outcome).toBe("ok");
      });
    });

    describe("a credential at another workflow's path", () => {
      it("finds nothing there, whoever's name it is, and its key is locked", async () => {
        const curious = await loner();
        const [workflow, victim] = [await open(curious), await open()];
        const at = async (id: string) => {
          const url = `${world().acme.url}/v1/workflows/${id}`;
          return (await workflow.request("GET", url)).body;
        };
        const real = await at(victim.id);
        expect(real).toMatchObject({
          ...{ code: "not_found", status: 404, refusal: { code: "context_mismatch" } },
        });
        expect(await at("wf_00000000000000000000000000000000")).toEqual(real);
        await expectLocked(workflow, "context-mismatch");
        expect(await locks()).toMatchObject([{ target: "key", value: await curious.thumbprint() }]);
        expect((await note(victim)).outcome).toBe("ok");
        expect(await signalsOf(victim)).toEqual([]);
      });
    });

    describe("a credential at another tenant", () => {
      it("is garbage there, and a signal at home", async () => {
        const { globex, stranger, host } = world();
        const workflow = await open();
        const foreign = await globex.open(stranger, "pat", LAB);
        const before = await host.record("globex");
        const garbage = workflow.credential.replace(/\.[^.]+$/, `.${"A".repeat(86)}`);
        const bodies = [];
        for (const credential of [workflow.credential, garbage]) {
          const { status, body, headers } = await foreign.request("GET", "", undefined, {
            credential,
          });
          bodies.push([status, body, headers.get("www-authenticate")]);
        }
        expect(bodies[0]).toEqual(bodies[1]);
        expect(bodies[0]?.[1]).not.toHaveProperty("refusal");
        await until("it is a signal", async () => (await signalsOf(workflow)).length > 0);
        expect(await signalsOf(workflow)).toMatchObject([{ signal: "context_mismatch" }]);
        expect(await signalsOf(foreign)).toEqual([]);
        expect(await host.record("globex")).toEqual(before);
        expect(await locks()).toMatchObject([{ target: "workflow", value: workflow.id }]);
      });
    });

    describe("a renewal", () => {
      it("by another agent, and one key of two agents", async () => {
        const { acme, helper } = world();
        const owner = await loner();
        const workflow = await open(owner);
        const stolen = await acme.exchange(helper, workflow.credential, null, { form: RENEW });
        expect(stolen.status).toBe(400);
        expect(stolen.body).toMatchObject({ error: "invalid_request", code: "context_mismatch" });
        const twin = new Agent(helper.id, helper.assertionKey, owner.proofKey);
        const shared = await acme.exchange(twin, workflow.credential, null, { form: RENEW });
        expect(shared.body).toMatchObject({ code: "key_shared" });
        expect(await signalsOf(workflow)).toMatchObject([
          { signal: "context_mismatch" },
          { signal: "key_shared" },
        ]);
        expect(await locks()).toContainEqual(
          called({ target: "key", value: await owner.thumbprint(), by: "containment:key-shared" }),
        );
        expect(await note(workflow)).toMatchObject({ reason: { code: "locked" } });
      });
    });

    describe("a key of another agent or tenant", () => {
      it("is a signal of the tenant where it is shown, and locks that key there alone", async () => {
        const { acme, globex, agent, stranger, host } = world();
        await globex.open(stranger, "pat", LAB);
        const roaming = new Agent(agent.id, agent.assertionKey, stranger.proofKey);
        const before = await tenantSignals(host, "acme");
        const foreign = await host.record("globex");
        const refused = await acme.redeem(roaming, await acme.signIn("dana"), LAB);
        expect(refused.body).toMatchObject({
          outcome: { reason: { code: "cross_tenant_context" } },
        });
        const lock = { target: "key", value: await stranger.thumbprint() };
        expect((await tenantSignals(host, "acme")).slice(before.length)).toMatchObject([
          { signal: "key_shared", subject: lock, containment: { lock } },
        ]);
        expect(await locks()).toMatchObject([lock]);
        expect(await host.record("globex")).toEqual(foreign);
        expect((await globex.open(stranger, "pat", LAB)).credential).not.toBe("");
      });
    });

    describe("a sign-in or assertion that was used", () => {
      it("is a signal of the tenant; the agent that just signed is locked when it does not stop", async () => {
        const { acme, worker, host } = world();
        const idToken = await acme.signIn("dana");
        const before = await tenantSignals(host, "acme");
        const codes = [];
        for (let n = 0; n < 4; n++) {
          codes.push((await acme.redeem(worker, idToken, LAB)).body);
        }
        expect(codes.slice(1)).toEqual(
          Array(3).fill(called({ error: "invalid_request", code: "token_replayed" })),
        );
        const lock = { target: "agent", value: "worker-agent" };
        const one = { signal: "token_replayed", subject: lock };
        expect((await tenantSignals(host, "acme")).slice(before.length)).toMatchObject([
          { ...one, containment: null },
          { ...one, containment: null },
          { ...one, containment: { ruleId: "containment:token-replayed", lock } },
        ]);
        expect(await locks()).toMatchObject([lock]);
        expect((await note(await open())).outcome).toBe("ok");
      });

      it("that was copied locks neither its agent nor its key, however often it comes", async () => {
        const { acme, host } = world();
        const owner = await loner();
        const form = { client_assertion: await owner.assertion(acme.tokenEndpoint) };
        const workflow = await (async () => {
          const proof = await owner.proof("POST", acme.tokenEndpoint);
          const idToken = await acme.signIn("dana");
          const whole = { form, proof };
          const opened = await acme.exchange(owner, idToken, LAB, whole);
          expect(opened.status).toBe(200);
          // The whole request as it was, and its assertion with a key of the thief's own.
          for (let n = 0; n < 4; n++) {
            expect((await acme.exchange(owner, idToken, LAB, whole)).body).toMatchObject({
              ...{ error: "invalid_dpop_proof", code: "token_replayed" },
            });
            const thief = await Agent.create(owner.id);
            const other = await acme.signIn("dana");
            expect((await acme.exchange(thief, other, LAB, { form })).body).toMatchObject({
              ...{ error: "invalid_client", code: "token_replayed" },
            });
          }
          return open(owner);
        })();
        expect((await note(workflow)).outcome).toBe("ok");
        expect(await locks()).toEqual([]);
        const last = (await tenantSignals(host, "acme")).slice(-8);
        for (const one of last) expect(one).toMatchObject({ subject: null, containment: null });
      });
    });

    describe("what an agent does", () => {
      it("with a trap is its end: a canary tool, a canary record", async () => {
        const { lab } = world();
        const caught = await open();
        await caught.call("lab_text", { key: "bait" });
        await expectLocked(caught, "canary-tool");
        await unlockAll();
        const reader = await open();
        const home = { street: "s", city: "c" };
        lab.script("trap", {
          people: [{ name: "bea", rank: "vip", mail: "m", home, orders: [] }],
          index: {},
        });
        await reader.call("lab_people", { key: "trap" });
        await expectLocked(reader, "canary-record");
        expect(await signalsOf(reader)).toMatchObject([
          { signal: "canary_record", seat: reader.seat, call: expect.any(String) },
        ]);
      });

      it("in a loop of denials steps its workflow down to reading", async () => {
        const workflow = await open();
        expect((await workflow.call("lab_write", { text: "before" })).outcome).toBe("ok");
        for (let n = 0; n < 25; n++) await workflow.call("lab_fortress");
        expect(await signalsOf(workflow)).toMatchObject([
          {
            signal: "denial_burst",
            containment: { ruleId: "containment:denial-burst", lock: null },
          },
        ]);
        expect(await workflow.call("lab_write", { text: "after" })).toMatchObject({
          outcome: "policy_denied",
          reason: { code: "read_only", ruleIds: ["core:containment"] },
        });
        expect((await note(workflow)).outcome).toBe("ok");
        expect((await workflow.request("GET", "")).body).toMatchObject({ readOnly: true });
        expect(await locks()).toEqual([]);
      });

      it("against a ceiling, again and again, locks its workflow", async () => {
        const workflow = await open(world().agent, { limits: { calls: 1 } });
        for (let n = 0; n < 9; n++) await note(workflow);
        expect(await signalsOf(workflow)).toMatchObject([{ signal: "budget_anomaly" }]);
        await expectLocked(workflow, "budget-anomaly");
      });
    });

    describe("what is honest, or a stranger's", () => {
      it("raises nothing: a second try with the nonce, the same call again, a renewal", async () => {
        const { acme, agent } = world();
        const workflow = await open();
        const idToken = await acme.signIn("dana");
        // Dated before the gateway began: asked for a nonce, and sent again with the same sign-in.
        const early = await agent.proof("POST", acme.tokenEndpoint, {
          change: { iat: Math.floor(Date.now() / 1_000) + 20 },
        });
        const form = { client_assertion: await agent.assertion(acme.tokenEndpoint) };
        const asked = await acme.exchange(agent, idToken, LAB, { form, proof: early });
        expect(asked.body).toMatchObject({ error: "use_dpop_nonce" });
        expect((await acme.exchange(agent, idToken, LAB, { form })).status).toBe(200);
        for (let n = 0; n < 3; n++) expect((await note(workflow)).outcome).toBe("ok");
        const renewed = await acme.exchange(agent, workflow.credential, null, { form: RENEW });
        expect(renewed.status).toBe(200);
        expect(await signalsOf(workflow)).toEqual([]);
        expect(await locks()).toEqual([]);
      });

      it("raises nothing and costs no disk: forged, unsigned, half, made up", async () => {
        const { acme, host, agent } = world();
        const workflow = await open();
        const thief = await Agent.create("support-agent");
        const { credential: token, url } = workflow;
        const forged = token.replace(/\.[^.]+$/, `.${Buffer.alloc(64, 1).toString("base64url")}`);
        const before = await host.record("acme");
        const own = await thief.proof("GET", url, { token: forged });
        for (const change of [
          { credential: forged, proof: own },
          { credential: forged, proof: own },
          { credential: unsigned(token) },
          { credential: "made.up.token" },
          { proof: null },
          { proof: await agent.proof("GET", url) },
          { headers: { authorization: `Bearer ${token}` } },
        ]) {
          const refused = await workflow.request("GET", "", undefined, change);
          expect(refused.status).toBe(401);
          expect(refused.body).not.toHaveProperty("refusal");
        }
        // A proof of one's own, sent twice, with assertions and a credential nobody signed.
        const proof = await thief.proof("POST", acme.tokenEndpoint);
        for (const [subject, form] of [
          ["x", {}],
          ["x", {}],
          [forged, RENEW],
          [forged, RENEW],
        ] as const) {
          const refused = await acme.exchange(thief, subject, form === RENEW ? null : LAB, {
            ...{ form, proof },
          });
          expect(refused.body).not.toHaveProperty("code");
        }
        expect(await signalsOf(workflow)).toEqual([]);
        expect(await host.record("acme")).toEqual(before);
        expect(await locks()).toEqual([]);
      });
    });
  });
}
