import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { send, type Answer } from "../acceptance/support/http.ts";
import { payloadOf, seconds } from "../acceptance/support/keys.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import type { Tampering } from "../acceptance/support/tenant.ts";
import { reconnected } from "../acceptance/support/reconnected.ts";
import { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { askedBy, change, decide } from "./approvals.ts";
import { checked } from "./checked.ts";
import { GatewayClock, OTHER_CLOCK } from "./clock.ts";
import { effectsWereAllowed, recordVerifies } from "./invariants.ts";

const LAB = { purpose: "lab" } as const;
/** What others may be off by, of assertions and proofs, and what a call token may. */
const SKEW_S = 30;
const CALL_SKEW_S = 2;
const OFF_S = 300;
/** Tokens that are made for the other checks of a request are so old at most. */
const AHEAD_S = 15;

/**
 * Torture 19: clock ± 5 min, and frozen → nothing expired is accepted beyond the declared skew
 * (assertions 30 s; call tokens 2 s, the clock being the gateway's), and nothing spent is forgotten.
 */
describe("torture 19: a clock that is wrong, or stands still", { timeout: 90_000 }, () => {
  const host = nodeHost({ entry: OTHER_CLOCK });
  const opened: Workflow[] = [];
  let world: World;
  let clock: GatewayClock;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, { wired: true });
    clock = new GatewayClock(world.folder);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  /** Proofs are remembered by the latest time that was ever seen: another process knows no other. */
  async function restart(): Promise<void> {
    await host.gateway.stop();
    await host.restart("gateway");
    await reconnected(host);
  }

  async function open(): Promise<Workflow> {
    const one = await world.acme.open(world.agent, "dana", LAB);
    opened.push(one);
    return one;
  }

  /** The gateway's second, for good; a little ahead, so that what is made from now on is not from its future. */
  function frozen(): number {
    const at = seconds() + AHEAD_S;
    clock.stopAt(at);
    return at;
  }

  /** Connectors are told the time with the next beat; until then they take no token of another one. */
  async function heard(): Promise<void> {
    const one = await open();
    while ((await one.call("lab_note", { text: "x" })).outcome !== "ok") await turn();
  }

  async function exchange(subject: string, tampering: Tampering = {}): Promise<number> {
    const more = tampering.proof === undefined ? [await nonce()] : [];
    const { acme, agent } = world;
    return (await acme.exchange(agent, subject, LAB, tampering, ...more)).status;
  }

  /** What RFC 9449 §8 wants of a proof from before the start, as far as the gateway knows. */
  async function nonce(): Promise<string> {
    const { acme, agent, provider } = world;
    const answer = await acme.exchange(agent, await provider.idToken("dana"), LAB, {}, "another");
    return answer.headers.get("dpop-nonce") ?? "";
  }

  const everything = async (workflow: Workflow): Promise<readonly number[]> => {
    const { acme, agent, provider } = world;
    const note = { tool: "lab_note", arguments: { text: "x" } };
    return [
      (await acme.redeem(agent, await provider.idToken("dana"), LAB)).status,
      (await workflow.request("POST", "/calls", note)).status,
    ];
  };

  describe("five minutes behind", () => {
    it("nobody comes in, and whoever is in does nothing", async () => {
      const { lab } = world;
      const workflow = await open();
      expect(await everything(workflow)).toEqual([200, 200]);
      const before = lab.arrivals.length;
      clock.off(-OFF_S);
      expect(await everything(workflow)).toEqual([400, 401]);
      expect(lab.arrivals).toHaveLength(before);
      clock.off(0);
      expect(await everything(workflow)).toEqual([200, 200]);
    });

    it("and back over a restart: a proof that was used is still used", async () => {
      const { agent, lab } = world;
      const workflow = await open();
      const url = `${workflow.url}/calls`;
      const proof = await agent.proof("POST", url, { token: workflow.credential });
      const body = { tool: "lab_note", arguments: { text: "once" } };
      const call = (): Promise<Answer> => workflow.request("POST", "/calls", body, { proof });
      expect((await call()).body).toMatchObject({ outcome: "ok" });
      const before = lab.arrivals.length;
      clock.off(-OFF_S);
      await restart();
      expect((await call()).status).toBe(401);
      clock.off(0);
      expect((await call()).status).toBe(401);
      expect(lab.arrivals).toHaveLength(before);
      expect((await workflow.request("POST", "/calls", body)).status).toBe(200);
    });
  });

  describe("at the limit and one second past it, while the clock stands still", () => {
    beforeAll(() => void frozen());
    afterAll(() => clock.off(0));

    it.each([
      ["expired", (now: number) => ({ iat: now - 600, exp: now - SKEW_S + 1 }), -1],
      ["from the future", (now: number) => ({ iat: now + SKEW_S, exp: now + 600 }), 1],
      ["not yet valid", (now: number) => ({ iat: now, nbf: now + SKEW_S, exp: now + 600 }), 1],
    ] as const)("a human assertion, %s", async (_, claims, further) => {
      const now = frozen();
      const { provider } = world;
      expect(await exchange(await provider.idToken("dana", claims(now)))).toBe(200);
      expect(await exchange(await provider.idToken("dana", claims(now + further)))).toBe(400);
    });

    it.each([
      ["expired", (now: number) => ({ iat: now - 59, exp: now - SKEW_S + 1 }), -1],
      ["from the future", (now: number) => ({ iat: now + SKEW_S, exp: now + SKEW_S + 60 }), 1],
    ] as const)("an agent assertion and an actor token, %s", async (_, claims, further) => {
      const now = frozen();
      const { acme, agent, helper, provider } = world;
      const parent = await open();
      for (const [times, assertion, actor] of [
        [claims(now), 200, 200],
        [claims(now + further), 401, 400],
      ] as const) {
        const form = { client_assertion: await agent.assertion(acme.tokenEndpoint, times) };
        expect(await exchange(await provider.idToken("dana"), { form })).toBe(assertion);
        const actorToken = await helper.actorToken(acme.tokenEndpoint, parent.id, times);
        const seat = await acme.delegate(parent, helper, {}, { actor_token: actorToken });
        expect(seat.status).toBe(actor);
      }
    });

    it("an agent assertion that lives longer than a minute", async () => {
      const now = frozen();
      const { acme, agent, provider } = world;
      for (const [life, status] of [
        [60, 200],
        [61, 401],
      ] as const) {
        const times = { iat: now, exp: now + life };
        const form = { client_assertion: await agent.assertion(acme.tokenEndpoint, times) };
        expect(await exchange(await provider.idToken("dana"), { form })).toBe(status);
      }
    });

    it("a proof, old or from the future, and used twice", async () => {
      const workflow = await open();
      const now = frozen();
      const show = async (iat: number, nonce?: string): Promise<Answer> => {
        const more = { token: workflow.credential, nonce, change: { iat } };
        const proof = await world.agent.proof("GET", workflow.url, more);
        return workflow.request("GET", "", undefined, { proof });
      };
      // From the future: it may have been used by whoever set the clock right, unless it names the nonce.
      const asked = await show(now + SKEW_S);
      const nonce = asked.headers.get("dpop-nonce") ?? "";
      expect([asked.status, nonce]).toEqual([401, expect.stringMatching(/./)]);
      const answers = [];
      for (const iat of [now - SKEW_S, now - SKEW_S - 1, now + SKEW_S, now + SKEW_S + 1]) {
        answers.push((await show(iat, nonce)).status);
      }
      expect(answers).toEqual([200, 401, 200, 401]);
      const proof = await world.agent.proof("GET", workflow.url, { token: workflow.credential });
      const twice = [1, 2].map(() => workflow.request("GET", "", undefined, { proof }));
      const statuses = (await Promise.all(twice)).map(({ status }) => status);
      expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 401]);
    });

    it("an approver's sign-in", async () => {
      const workflow = await world.acme.open(world.agent, "dana", { purpose: "refund" });
      opened.push(workflow);
      await heard();
      const asked = askedBy(await change(workflow, { key: "sign-in", title: "x" }));
      const now = frozen();
      const decided = async (claims: object): Promise<string> =>
        (await decide(world, "erin", asked, "finance", { ...claims }))[1];
      const old = now - 300;
      expect(await decided({ auth_time: old - 1 })).toBe("sign_in_required");
      expect(await decided({ auth_time: now + SKEW_S + 1 })).toBe("sign_in_required");
      expect(await decided({ auth_time: old, exp: now - SKEW_S })).toBe("sign_in_required");
      expect(await decided({ auth_time: old, exp: now - SKEW_S + 1 })).toBe("decided");
    });

    it("a security event", async () => {
      const now = frozen();
      const { acme, provider } = world;
      const subject = { iss: provider.issuer, sub: "nobody-here" };
      const push = async (iat: number): Promise<number> => {
        const token = await provider.securityEvent(subject, "session-revoked", { iat });
        const headers = { "content-type": "application/secevent+jwt", accept: "application/json" };
        const init = { method: "POST", headers, body: token };
        return (await send(`${acme.url}/v1/events`, init)).status;
      };
      const day = 24 * 60 * 60;
      expect(await push(now - day - SKEW_S)).toBe(400);
      expect(await push(now - day - SKEW_S + 1)).toBe(202);
      expect(await push(now + SKEW_S + 1)).toBe(400);
      expect(await push(now + SKEW_S)).toBe(202);
    });
  });

  describe("a call token at the connector", () => {
    it.each([
      ["just before it ends", "exp", CALL_SKEW_S * 1_000 - 500, "ok"],
      ["when it has ended", "exp", CALL_SKEW_S * 1_000, "failed"],
      ["a little before it begins", "iat", -CALL_SKEW_S * 1_000 + 500, "ok"],
      ["long before it begins", "iat", -CALL_SKEW_S * 1_000 - 500, "failed"],
      ["five minutes late", "exp", OFF_S * 1_000, "failed"],
      ["five minutes early", "iat", -OFF_S * 1_000, "failed"],
    ] as const)("%s", async (_, claim, offsetMs, expected) => {
      const { wire, lab } = world;
      const workflow = await open();
      for (const tool of ["lab_note", "lab_write"]) {
        // What a session has spent, it knows by the latest time it ever heard of.
        await host.kill("internal");
        await host.restart("internal");
        const before = lab.arrivals.length;
        const outcome = await wire.holding(
          (frame) => {
            const times = payloadOf(String(frame["token"])) as { iat: number; exp: number };
            expect(times.exp - times.iat).toBe(tool === "lab_note" ? 60 : 15);
            const now = times[claim] * 1_000 + offsetMs;
            return [{ t: "beat", now, epoch: 0 }, frame];
          },
          () => workflow.call(tool, { text: randomUUID() }),
        );
        expect(outcome.outcome, tool).toBe(expected);
        if (expected === "failed") expect(outcome.reason?.code).toBe("token_refused");
        expect(lab.arrivals).toHaveLength(before + (expected === "ok" ? 1 : 0));
      }
    });
  });

  describe("five minutes ahead", () => {
    it("nobody comes in, and whoever is in does nothing", async () => {
      const { lab } = world;
      await restart();
      const workflow = await open();
      expect(await everything(workflow)).toEqual([200, 200]);
      const before = lab.arrivals.length;
      clock.off(OFF_S);
      expect(await everything(workflow)).toEqual([400, 401]);
      expect(lab.arrivals).toHaveLength(before);
      clock.off(0);
      await restart();
      expect(await everything(workflow)).toEqual([200, 200]);
    });

    it("and back: what was used before is still used", async () => {
      const { acme, agent, provider } = world;
      const idToken = await provider.idToken("dana", { exp: seconds() + 120 });
      const form = { client_assertion: await agent.assertion(acme.tokenEndpoint) };
      expect(await exchange(idToken, { form })).toBe(200);

      // In between, the gateway forgets what it takes for long gone.
      clock.off(OFF_S);
      const iat = seconds() + OFF_S;
      const other = await provider.idToken("dana", { iat, exp: iat + 600 });
      const assertion = await agent.assertion(acme.tokenEndpoint, { iat, exp: iat + 50 });
      const proof = await agent.proof("POST", acme.tokenEndpoint, { change: { iat } });
      expect(await exchange(other, { form: { client_assertion: assertion }, proof })).toBe(200);
      clock.off(0);
      await restart();

      const redeemed = await acme.redeem(agent, idToken, LAB);
      expect([redeemed.status, redeemed.text]).toEqual([400, expect.stringContaining("before")]);
      const fresh = await provider.idToken("dana");
      expect(await exchange(fresh, { form })).toBe(401);
      expect(await exchange(fresh)).toBe(200);
    });
  });

  /** The gateway's clock is the only one: it is told with each beat, and nobody adds a skew to it. */
  describe("what the gateway gave, by its own clock", () => {
    let named = "";
    beforeEach(async () => {
      await restart();
      named = await nonce();
    });
    afterEach(() => clock.off(0));
    const at = async (one: Workflow, now: number, iat = now): Promise<number> => {
      clock.stopAt(now);
      const more = { token: one.credential, nonce: named, change: { iat: Math.floor(iat) } };
      const proof = await world.agent.proof("GET", one.url, more);
      return (await one.request("GET", "", undefined, { proof })).status;
    };

    it("a credential ends on the second, and is renewed while its workflow lives", async () => {
      const began = frozen();
      const one = await open();
      const renew = async (now: number): Promise<number> => {
        clock.stopAt(now);
        const { acme, agent } = world;
        const times = { iat: Math.floor(now), exp: Math.floor(now) + 50 };
        const form = {
          subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
          client_assertion: await agent.assertion(acme.tokenEndpoint, times),
        };
        const more = { nonce: named, change: { iat: Math.floor(now) } };
        const proof = await agent.proof("POST", acme.tokenEndpoint, more);
        return (await acme.exchange(agent, one.credential, null, { form, proof })).status;
      };
      expect(await at(one, began + 899.999)).toBe(200);
      expect(await at(one, began + 900)).toBe(401);
      expect(await renew(began + 3_599)).toBe(200);
      expect(await renew(began + 3_600)).toBe(400);
      // Set back: it counts again, and nothing that was used comes back with it.
      expect(await at(one, began + 10)).toBe(401);
    });

    it("a request for approval ends on the millisecond, and silence is a no", async () => {
      const { acme, agent, lab } = world;
      const began = frozen();
      await heard();
      const workflow = await acme.open(agent, "dana", { purpose: "refund" });
      opened.push(workflow);
      const [inTime, late] = [
        askedBy(await change(workflow, { key: "in-time", title: "x" })),
      ].concat(askedBy(await change(workflow, { key: "late", title: "x" }))) as [
        ReturnType<typeof askedBy>,
        ReturnType<typeof askedBy>,
      ];
      const decided = async (asked: typeof late, now: number): Promise<string> => {
        clock.stopAt(now);
        const iat = Math.floor(now);
        const claims = { iat, auth_time: iat, exp: iat + 600 };
        return (await decide(world, "erin", asked, "finance", claims))[1];
      };
      const end = began + 30 * 60;
      expect(await decided(inTime, end - 0.001)).toBe("decided");
      expect(await decided(late, end)).toBe("approval_expired");
      clock.stopAt(end + 1);
      const seat = await renewedAt(workflow, end + 1);
      const again = await seat(end + 1, { key: "late", title: "x" });
      expect(again).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "approval_rejected", blockedBy: late.id },
      });
      expect(lab.document("late").title).toBe("draft");
    });

    /** The agent lives in another time than the gateway: it says what the gateway wants to hear. */
    async function renewedAt(
      workflow: Workflow,
      now: number,
    ): Promise<(now: number, args: object) => Promise<unknown>> {
      const { acme, agent } = world;
      const iat = Math.floor(now);
      const form = {
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        client_assertion: await agent.assertion(acme.tokenEndpoint, { iat, exp: iat + 50 }),
      };
      const more = { nonce: named, change: { iat } };
      const proof = await agent.proof("POST", acme.tokenEndpoint, more);
      const answer = await acme.exchange(agent, workflow.credential, null, { form, proof });
      const fresh = Workflow.from(acme, agent, answer);
      return async (at, args) => {
        const url = `${fresh.url}/calls`;
        const more = { token: fresh.credential, nonce: named, change: { iat: Math.floor(at) } };
        const sent = { proof: await agent.proof("POST", url, more), headers: { prefer: "wait=0" } };
        const body = { tool: "lab_document", arguments: args };
        return (await fresh.request("POST", "/calls", body, sent)).body;
      };
    }
  });

  it("leaves a record that verifies whatever the time was, and no effect without its admission", async () => {
    // Credentials from a time ahead of ours are good in it only.
    clock.off(AHEAD_S + 5);
    await restart();
    await recordVerifies(host, opened);
    await effectsWereAllowed(world, opened);
    checked("I1", "I3", "I7");
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
