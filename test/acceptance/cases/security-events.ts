import { describe, expect, it } from "vitest";
import { type Answer, send } from "../support/http.ts";
import { base64url, keyPair, payloadOf, sign, unsigned } from "../support/keys.ts";
import { listLocks, unlock } from "../support/locks.ts";
import { reconnected } from "../support/reconnected.ts";
import type { OAuthRefusal, Tenant } from "../support/tenant.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

const LAB = { purpose: "lab" } as const;
const HOUR_MS = 3_600_000;

/** What an identity provider says after a sign-in ends here, too (RFC 8417, RFC 8935, CAEP). */
export function securityEventCases(world: () => World): void {
  const note = (workflow: Workflow): Promise<Outcome> => workflow.call("lab_note", { text: "x" });

  /** RFC 8935 §2. */
  function push(tenant: Tenant, token: string, type = "application/secevent+jwt"): Promise<Answer> {
    // What nobody may find in any sink later; an empty one would be found everywhere.
    if (token !== "") tenant.tokens.push(token);
    return send(`${tenant.url}/v1/events`, {
      method: "POST",
      headers: { "content-type": type, accept: "application/json" },
      body: token,
    });
  }

  /** How acme's provider names dana. */
  async function dana(): Promise<{ readonly iss: unknown; readonly sub: unknown }> {
    const { iss, sub } = payloadOf(await world().acme.signIn("dana"));
    return { iss, sub };
  }

  async function revoke(change: object = {}, type = "session-revoked"): Promise<Answer> {
    const { acme, provider } = world();
    return push(acme, await provider.securityEvent(await dana(), type, { ...change }));
  }

  /** Takes the locks of this case away, so that dana can go on. */
  async function unlockAll(): Promise<void> {
    const { host } = world();
    for (const one of (await listLocks(host)).locks) await unlock(host, one);
  }

  describe("a security event token", () => {
    it.each(["session-revoked", "credential-change"])(
      "%s stops the running workflow, for good; a later sign-in works again",
      async (type) => {
        const { acme, agent, host, lab } = world();
        const workflow = await acme.open(agent, "dana", LAB);
        const earlier = await acme.signIn("dana");
        const key = `event-${type}`;
        const read = workflow.call("lab_gate", { key });
        await lab.waiting(key);

        const answer = await revoke({}, type);
        expect([answer.status, answer.text]).toEqual([202, ""]);
        const [held, ...more] = (await listLocks(host)).locks;
        expect(more).toEqual([]);
        const [opened] = await workflow.events();
        expect(held).toMatchObject({
          target: "human",
          value: opened?.event["human"],
          by: `caep:${type}`,
          state: "in_force",
        });
        const end = Date.parse(String(held?.expiresAt)) - Date.parse(String(held?.inForceAt));
        // Two looks at the clock may lie between them.
        expect(Math.round(end / 60_000) * 60_000).toBe(HOUR_MS);
        const locked = {
          outcome: "policy_denied",
          reason: { code: "locked", ruleIds: [`lock:${held?.lock}`] },
        };
        expect(await read).toMatchObject(locked);
        expect(await note(workflow)).toMatchObject(locked);
        lab.open(key);
        for (const token of [earlier, await acme.signIn("dana")]) {
          const refused = await acme.redeem(agent, token, LAB);
          expect([refused.status, (refused.body as OAuthRefusal).error]).toEqual([
            400,
            "access_denied",
          ]);
          expect((refused.body as OAuthRefusal).outcome).toMatchObject(locked);
        }

        await unlockAll();
        expect((await note(await acme.open(agent, "dana", LAB))).outcome).toBe("ok");
        expect(await note(workflow)).toMatchObject(locked);
      },
    );

    it("reaches nobody else, and not the human of the same name at another tenant", async () => {
      const { acme, agent, globex, stranger } = world();
      const erin = await acme.open(agent, "erin", { purpose: "billing-review" });
      await globex.open(stranger, "dana", LAB);
      expect((await revoke()).status).toBe(202);
      expect((await erin.request("GET", "")).status).toBe(200);
      expect((await erin.call("customers_find", { query: "x" })).reason?.code).not.toBe("locked");
      await globex.open(stranger, "dana", LAB);
      await unlockAll();
    });

    it("may name its human as earlier drafts did, or as a session of theirs", async () => {
      const { acme, agent, host } = world();
      const human = { format: "iss_sub", ...(await dana()) };
      const event = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
      const complex = { format: "complex", user: human, session: { format: "opaque", id: "s" } };
      for (const change of [
        { sub_id: undefined, events: { [event]: { subject: human, event_timestamp: 1 } } },
        { sub_id: undefined, events: { [event]: { subject: { user: human } } } },
        { sub_id: complex },
      ]) {
        const workflow = await acme.open(agent, "dana", LAB);
        expect((await revoke(change)).status).toBe(202);
        expect((await listLocks(host)).locks).toHaveLength(1);
        expect((await note(workflow)).reason?.code).toBe("locked");
        await unlockAll();
      }
    });

    it("is taken once, and what it locked holds: both over the death of the gateway", async () => {
      const { acme, agent, host, provider } = world();
      const token = await provider.securityEvent(await dana(), "session-revoked");
      const answers = await Promise.all(Array.from({ length: 5 }, () => push(acme, token)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
      expect((await listLocks(host)).locks).toHaveLength(1);
      await unlockAll();
      const workflow = await acme.open(agent, "dana", LAB);
      expect((await revoke()).status).toBe(202);
      const before = await listLocks(host);
      expect(before.locks).toHaveLength(1);
      await host.kill("gateway");
      await host.restart("gateway");
      expect(await listLocks(host)).toEqual(before);
      expect((await note(workflow)).reason?.code).toBe("locked");
      await unlockAll();
      // Acknowledged again, and nothing more than that.
      expect((await push(acme, token)).status).toBe(202);
      expect((await listLocks(host)).locks).toEqual([]);
      await reconnected(host);
      expect((await note(await acme.open(agent, "dana", LAB))).outcome).toBe("ok");
    });

    it("about somebody unknown, or something that revokes nothing, gets the same answer", async () => {
      const { acme, host, provider } = world();
      const { iss } = await dana();
      const nobody = await provider.securityEvent({ iss, sub: "nobody" }, "session-revoked");
      const other = await provider.securityEvent(await dana(), "token-claims-change");
      const known = await provider.securityEvent(await dana(), "session-revoked");
      for (const token of [nobody, other, known]) {
        const { status, text, headers } = await push(acme, token);
        expect([status, text, headers.get("content-type")]).toEqual([202, "", null]);
      }
      // Of the one who is not known here, too: their earlier sign-in must not come later.
      expect((await listLocks(host)).locks).toHaveLength(2);
      await unlockAll();
    });
  });

  describe("what is no security event of this tenant's", () => {
    const REVOKED = "session-revoked";

    function expectRefused(answer: Answer, err: string): void {
      expect([answer.status, answer.body]).toEqual([400, { err, description: expect.any(String) }]);
    }

    async function expectNoLock(): Promise<void> {
      expect((await listLocks(world().host)).locks).toEqual([]);
    }

    it("is refused with the code of RFC 8935, and locks nobody", async () => {
      const { acme, provider } = world();
      const human = await dana();
      const event = (change: object, header: object = {}): Promise<string> =>
        provider.securityEvent(human, REVOKED, { ...change }, header);
      const good = await event({});
      const thief = await keyPair("ES256", provider.key.kid);
      const now = Math.floor(Date.now() / 1_000);
      const wrong: [string, string][] = [
        ["invalid_request", unsigned(good)],
        [
          "invalid_request",
          `${base64url({ alg: "none", typ: "secevent+jwt" })}.${good.split(".")[1]}.`,
        ],
        ["invalid_request", await event({}, { typ: "JWT" })],
        ["invalid_request", await event({}, { typ: "at+jwt" })],
        ["invalid_request", await event({ iat: now - 2 * 86_400 })],
        ["invalid_request", await event({ iat: now + 600 })],
        ["invalid_request", await event({ jti: undefined })],
        ["invalid_request", await event({ events: {} })],
        [
          "invalid_request",
          await event({ sub_id: { format: "email", email: "dana@acme.example" } }),
        ],
        ["invalid_request", await event({ sub_id: { format: "opaque", id: human.sub } })],
        [
          "invalid_request",
          await event({ sub_id: { format: "iss_sub", iss: provider.issuer, sub: human.sub } }),
        ],
        [
          "invalid_request",
          await event({
            events: {
              [`https://schemas.openid.net/secevent/caep/event-type/${REVOKED}`]: {
                subject: { format: "iss_sub", iss: human.iss, sub: "erin" },
              },
            },
          }),
        ],
        ["invalid_request", `${good} ${good}`],
        ["invalid_request", "x".repeat(100_000)],
        ["invalid_request", ""],
        ["invalid_key", await event({}, { kid: "another" })],
        ["authentication_failed", await sign(thief, payloadOf(good), { typ: "secevent+jwt" })],
        ["invalid_issuer", await event({ iss: human.iss })],
        ["invalid_audience", await event({ aud: "https://other.example" })],
        ["invalid_audience", await event({ aud: "postern" })],
      ];
      for (const [err, token] of wrong) expectRefused(await push(acme, token), err);
      expectRefused(await push(acme, good, "application/jwt"), "invalid_request");
      await expectNoLock();
      // Beside what must be refused stands what must be accepted.
      expect((await push(acme, good)).status).toBe(202);
      await unlockAll();
    });

    it("may be an ID token of the same provider; and an event opens no workflow", async () => {
      const { globex, provider, stranger } = world();
      const idToken = await globex.signIn("dana");
      expectRefused(await push(globex, idToken), "invalid_request");
      const human = { iss: provider.issuer, sub: "dana" };
      const both = { aud: ["postern", "https://gate.example/events"], sub: "dana" };
      const event = await provider.securityEvent(human, REVOKED, {
        ...{ aud: "postern", sub: "dana", groups: ["support"], nonce: "n" },
        exp: Math.floor(Date.now() / 1_000) + 600,
      });
      const opened = await globex.redeem(stranger, event, LAB);
      expect([opened.status, (opened.body as OAuthRefusal).error]).toEqual([
        400,
        "invalid_request",
      ]);
      const mixed = await provider.securityEvent(human, REVOKED, both);
      expectRefused(await push(globex, mixed), "invalid_request");
      const again = await globex.redeem(stranger, await globex.signIn("dana"), LAB);
      expect(again.status).toBe(200);
    });
  });
}
