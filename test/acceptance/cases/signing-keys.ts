import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Answer, send } from "../support/http.ts";
import { lock, unlock } from "../support/locks.ts";
import { activeKey, keyList, kidOf, rotate } from "../support/signing-keys.ts";
import { reconnected } from "../support/reconnected.ts";
import { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

const RENEWAL = { subject_token_type: "urn:ietf:params:oauth:token-type:access_token" };

/** The gateway's own keys: rotated without a gap, locked without mercy. */
export function signingKeyCases(world: () => World): void {
  const open = (): Promise<Workflow> =>
    world().acme.open(world().agent, "dana", { purpose: "lab" });
  const note = async (workflow: Workflow): Promise<string> =>
    (await workflow.call("lab_note", { text: "x" })).outcome;
  const renewed = async ({ credential }: Workflow): Promise<Answer> => {
    const { acme, agent } = world();
    const answer = await acme.exchange(agent, credential, null, { form: RENEWAL });
    const nonce = answer.headers.get("dpop-nonce");
    return nonce === null
      ? answer
      : acme.exchange(agent, credential, null, { form: RENEWAL }, nonce);
  };
  const published = async (): Promise<unknown[]> => {
    const { body } = await send(`${world().acme.url}/jwks`);
    return (body as { keys: { kid: unknown }[] }).keys.map(({ kid }) => kid);
  };

  describe("a rotation of the gateway's keys", () => {
    it("in the middle of calls fails none of them; the old credential and the new one both work", async () => {
      const { host, lab } = world();
      const workflow = await open();
      const [oldCall, oldCredential] = [
        await activeKey(host, "call"),
        await activeKey(host, "credential"),
      ];
      expect(kidOf(workflow.credential)).toBe(oldCredential);
      const waiting = ["lab_gate", "lab_change_gate"].map((tool) =>
        workflow.call(tool, { key: "rotation" }),
      );
      await lab.waiting("rotation", 2);
      const before = lab.arrivals.length;
      expect(await note(workflow)).toBe("ok");
      let over = false;
      const asking = Array.from({ length: 4 }, async () => {
        const outcomes: string[] = [];
        while (!over) outcomes.push(await note(workflow));
        return outcomes;
      });
      await rotate(host, "--now");
      const [newCall, newCredential] = [
        await activeKey(host, "call"),
        await activeKey(host, "credential"),
      ];
      expect(await note(workflow)).toBe("ok");
      over = true;
      lab.open("rotation");
      for (const { outcome } of await Promise.all(waiting)) expect(outcome).toBe("ok");
      for (const outcomes of await Promise.all(asking)) {
        expect(outcomes.filter((one) => one !== "ok")).toEqual([]);
      }
      const kids = lab.arrivals
        .slice(before)
        .map(({ headers }) => kidOf(String(headers["txn-token"])));
      expect(new Set(kids)).toEqual(new Set([oldCall, newCall]));
      expect(await published()).toEqual(expect.arrayContaining([oldCall, newCall]));

      expect(await note(workflow)).toBe("ok");
      const answer = await renewed(workflow);
      expect(answer.status).toBe(200);
      const again = Workflow.from(world().acme, world().agent, answer);
      expect(kidOf(again.credential)).toBe(newCredential);
      expect([again.id, await note(again)]).toEqual([workflow.id, "ok"]);
      // What the connector learned over its session it knows when it dials again.
      await host.kill("internal");
      await host.restart("internal");
      expect(await note(again)).toBe("ok");
    });

    it("is announced before it happens, where nobody is in a hurry", async () => {
      const { host } = world();
      const active = await activeKey(host, "call");
      const keys = await rotate(host, "--purpose", "call");
      const next = keys.find(({ state }) => state === "next");
      expect(Date.parse(next?.activeAt ?? "") - Date.parse(next?.publishedAt ?? "")).toBe(600_000);
      expect(await published()).toContain(next?.key);
      expect(await activeKey(host, "call")).toBe(active);
      expect((await rotate(host, "--purpose", "call")).at(-1)).toEqual(next);
      const spoken = await host.key("rotate", "--purpose", "call", "--tenant", "acme");
      expect(spoken.stdout).toContain(`published call ${next?.key}: signs from ${next?.activeAt}`);
      const listed = await host.key("list", "--tenant", "acme");
      expect(listed.stdout).toMatch(new RegExp(`^call +${next?.key} +next`, "m"));
    });
  });

  describe("a lock on one of the gateway's keys", () => {
    it("ends every credential under it at once, for a renewal too, and for good", async () => {
      const { host, globex, stranger } = world();
      const foreign = await globex.open(stranger, "pat", { purpose: "lab" });
      const workflow = await open();
      expect(await note(workflow)).toBe("ok");
      const held = await lock(host, "key", kidOf(workflow.credential));
      expect(held.known).toBe(true);
      const dead = async (): Promise<void> => {
        expect((await workflow.request("GET", "")).status).toBe(401);
        expect((await renewed(workflow)).body).toMatchObject({ error: "invalid_request" });
      };
      await dead();
      const fresh = await open();
      expect(await note(fresh)).toBe("ok");
      expect(kidOf(fresh.credential)).not.toBe(kidOf(workflow.credential));
      expect((await foreign.request("GET", "")).status).toBe(200);
      await unlock(host, held);
      await dead();

      const keys = await keyList(host, "credential");
      await host.kill("gateway");
      await host.restart("gateway");
      expect(await keyList(host, "credential")).toEqual(keys);
      await dead();
      await reconnected(world().host);
    });
  });

  describe("a tool that verifies call tokens by itself", () => {
    it("finds the new key in the gateway's document", async () => {
      const { acme, agent } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "support-case" });
      // It asks again for a key that it does not know, but not more often than every 30 s.
      for (let waited = 0; waited < 35_000; waited += 500) {
        const { outcome } = await workflow.call("tickets_list");
        if (outcome !== "failed") return expect(["ok", "partial_result"]).toContain(outcome);
        await sleep(500);
      }
      throw new Error("the tool never learned the new key");
    });
  });
}
