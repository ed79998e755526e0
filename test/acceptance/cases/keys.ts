import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bundleFolder } from "../support/bundle-folder.ts";
import { Agent, keyPair } from "../support/keys.ts";
import type { World } from "../support/world.ts";

const LAB = { purpose: "lab" };

/** A key is one agent's of one tenant (P7). */
export function keyCases(world: () => World): void {
  describe("an agent's key", () => {
    it("opens workflows at one tenant; at another it is refused as cross_tenant_context", async () => {
      const { acme, globex, agent, stranger } = world();
      await acme.open(agent, "dana", LAB);
      const roaming = new Agent(stranger.id, stranger.assertionKey, agent.proofKey);
      const refused = await globex.redeem(roaming, await globex.signIn("pat"), LAB);
      expect(refused.status).toBe(400);
      expect(refused.body).toMatchObject({
        error: "access_denied",
        outcome: {
          outcome: "policy_denied",
          call: null,
          reason: { code: "cross_tenant_context", ruleIds: ["core:tenant"] },
        },
      });
      // Whose it is, is not said.
      expect(refused.text).not.toContain("acme");
      expect((await globex.open(stranger, "pat", LAB)).credential).not.toBe("");
      expect((await acme.open(agent, "dana", LAB)).credential).not.toBe("");
    });

    it("that signs assertions at one tenant proves nothing at another", async () => {
      const { globex, agent, stranger } = world();
      const roaming = new Agent(stranger.id, stranger.assertionKey, agent.assertionKey);
      const refused = await globex.redeem(roaming, await globex.signIn("pat"), LAB);
      expect(refused.body).toMatchObject({
        outcome: { reason: { code: "cross_tenant_context" } },
      });
    });

    it.each([
      ["of its giver", "delegation_denied", "core:key"],
      ["of another tenant", "cross_tenant_context", "core:tenant"],
    ] as const)("%s is no key for a seat, and a signal", async (whose, code, ruleId) => {
      const { acme, agent, helper, stranger, globex } = world();
      const workflow = await acme.open(agent, "dana", LAB);
      await globex.open(stranger, "pat", LAB);
      const owner = whose === "of its giver" ? agent : stranger;
      const cnf = { jkt: await owner.thumbprint() };
      const token = await helper.actorToken(acme.tokenEndpoint, workflow.id, { cnf });
      const refused = await acme.delegate(workflow, helper, {}, { actor_token: token });
      expect(refused.body).toMatchObject({ outcome: { reason: { code, ruleIds: [ruleId] } } });
      const events = (await workflow.events()).map(({ event }) => event);
      expect(events.slice(1)).toMatchObject([
        { type: "seat.refused", code, ruleIds: [ruleId] },
        { type: "signal.raised", signal: "key_shared", containment: null },
      ]);
      expect((await acme.seat(workflow, helper)).seat).not.toBe(workflow.seat);
    });

    it("stands in the bundle of one tenant; another's with it is not activated", async () => {
      const { host, folder, globex, agent, stranger } = world();
      const greedy = bundleFolder(join(folder, "bundle-greedy"), {
        "support-agent": [stranger.assertionKey, { ...agent.assertionKey, kid: "taken" }],
        "helper-agent": [await keyPair("EdDSA", "helper")],
        "worker-agent": [await keyPair("EdDSA", "worker")],
      });
      const { code, stdout, stderr } = await host.activate("globex", greedy);
      expect(code).not.toBe(0);
      expect(`${stdout}${stderr}`).toMatch(/agents\.jsonc:1:\d+ jwk_taken/);
      expect(`${stdout}${stderr}`).not.toContain("acme");
      // What was active goes on, and the key is still acme's.
      expect((await globex.open(stranger, "pat", LAB)).credential).not.toBe("");
    });
  });
}
