import { afterEach, describe, expect, it } from "vitest";
import { goodBundle } from "../../policy/bundle/testing.ts";
import { NodeAgentKeys } from "./agent-keys.ts";
import { ActiveBundles } from "./bundles.ts";
import { hostOn, temporaryFolder } from "./testing.ts";

describe("the keys of a bundle", () => {
  let closing = new DisposableStack();
  afterEach(() => {
    closing.dispose();
    closing = new DisposableStack();
  });

  async function started() {
    const host = closing.use(hostOn(closing.use(temporaryFolder()).path));
    const bundles = new ActiveBundles(host.directory, ["acme", "globex"]);
    const keys = new NodeAgentKeys(host.folder.db, Date.now, (jkt) => bundles.ownersOf(jkt));
    const files = await goodBundle();
    const activate = (tenant: string, changed = files) =>
      bundles.activate(tenant, changed, (agent, jkt) => keys.pinnable(tenant, agent, jkt));
    return { bundles, keys, files, activate };
  }

  it("are one tenant's: another cannot activate them, not even at the same moment", async () => {
    const { bundles, activate } = await started();
    const both = await Promise.all([activate("acme"), activate("globex")]);
    expect(both.map(({ ok }) => ok)).toEqual([true, false]);
    expect(both[1]).toMatchObject({ mistakes: [{ code: "jwk_taken" }, {}] });
    expect(bundles.of("globex")).toBe(null);
    expect(await activate("globex")).toMatchObject({ ok: false });
  });

  it("stay its agents' when the bundle changes", async () => {
    const { bundles, keys, files, activate } = await started();
    expect((await activate("acme")).ok).toBe(true);
    const [[jkt, agent] = ["", ""]] = bundles.of("acme")!.keys;
    const changed = (text: string) => ({ ...files, "agents.jsonc": text });
    const agents = files["agents.jsonc"]!;
    expect(await activate("acme", changed(agents.replace('"title": "', '"title": "The ')))).toEqual(
      {
        ok: true,
        policyVersion: expect.any(String),
        previous: expect.any(String),
      },
    );
    expect(bundles.ownersOf(jkt)).toEqual([{ tenant: "acme", agent }]);
    expect(keys.standing("globex", agent, jkt)).toBe("other_tenant");
  });
});
