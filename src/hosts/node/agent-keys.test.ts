import { afterEach, describe, expect, it } from "vitest";
import { AuditUnavailable } from "../../gateway/ports.ts";
import { KEY_KEPT_MS, NodeAgentKeys, type Owner } from "./agent-keys.ts";
import { hostOn, openCommand, temporaryFolder } from "./testing.ts";

const START = Date.UTC(2026, 10, 22);

describe("whose an agent's key is", () => {
  let closing = new DisposableStack();
  afterEach(() => {
    closing.dispose();
    closing = new DisposableStack();
  });

  function started() {
    const clock = { now: START };
    const folder = closing.use(temporaryFolder());
    const host = closing.use(hostOn(folder.path, { now: () => clock.now }));
    const open = (tenant: string, workflow: string, jkt: string, agent = "agent") => {
      const session = host.sessions.create(tenant, workflow);
      const key = host.keys.standing(tenant, agent, jkt);
      const { keyDigest } = session;
      return session.submit({ ...openCommand(workflow, keyDigest), tenant, agent, jkt, key });
    };
    return { clock, open, ...host };
  }

  it("nobody's before its first workflow, then one agent's of one tenant", async () => {
    const { open, keys } = started();
    expect(keys.standing("acme", "agent", "k1")).toBe("own");
    expect(keys.holds("acme", "k1")).toBe(false);
    await open("acme", "wf_1", "k1");
    expect(keys.standing("acme", "agent", "k1")).toBe("own");
    expect(keys.standing("acme", "other", "k1")).toBe("other_agent");
    expect(keys.standing("globex", "agent", "k1")).toBe("other_tenant");
    expect([keys.holds("acme", "k1"), keys.holds("globex", "k1")]).toEqual([true, false]);
    expect(keys.standing("globex", "agent", "k2")).toBe("own");
  });

  it("decided in the turn in which it is given: of two who come at once, one gets it", async () => {
    const { open } = started();
    const both = await Promise.all([open("acme", "wf_1", "k1"), open("globex", "wf_2", "k1")]);
    expect(both.map(({ result }) => result)).toMatchObject([
      { kind: "opened" },
      { kind: "denied", code: "cross_tenant_context" },
    ]);
  });

  it("known after a restart", async () => {
    const folder = closing.use(temporaryFolder());
    {
      using host = hostOn(folder.path);
      const session = host.sessions.create("acme", "wf_1");
      await session.submit(openCommand("wf_1", session.keyDigest));
    }
    using host = hostOn(folder.path);
    expect(host.keys.standing("globex", "agent", "jkt")).toBe("other_tenant");
  });

  it("nobody's again when the commit failed that would have given it", async () => {
    const { open, keys, journal } = started();
    const opening = open("acme", "wf_1", "k1");
    expect(keys.standing("globex", "agent", "k1")).toBe("other_tenant");
    // A write of the same batch that the database refuses takes the whole batch with it.
    const broken = {
      run: () => {
        throw new Error("disk full");
      },
    } as never;
    journal.write([{ statement: broken, values: [] }]).catch(() => undefined);
    await expect(opening).rejects.toBeInstanceOf(AuditUnavailable);
    expect(keys.standing("globex", "agent", "k1")).toBe("own");
    expect((await open("globex", "wf_2", "k1")).result.kind).toBe("opened");
  });

  it("forgotten long after its last seat, and not before", async () => {
    const { open, keys, clock } = started();
    await open("acme", "wf_1", "k1");
    clock.now += KEY_KEPT_MS - 1;
    expect(keys.standing("globex", "agent", "k1")).toBe("other_tenant");
    await open("acme", "wf_2", "k1");
    clock.now += KEY_KEPT_MS - 1;
    expect(keys.standing("globex", "agent", "k1")).toBe("other_tenant");
    clock.now += 1;
    expect(keys.standing("globex", "agent", "k1")).toBe("own");
    await open("globex", "wf_3", "k1");
    expect(keys.standing("acme", "agent", "k1")).toBe("other_tenant");
  });

  it("the assertion key of a bundle is its agent's, also before it opened anything", () => {
    const folder = closing.use(temporaryFolder());
    const host = closing.use(hostOn(folder.path));
    const pinned: Owner[] = [{ tenant: "acme", agent: "agent" }];
    const keys = new NodeAgentKeys(
      host.folder.db,
      () => START,
      () => pinned,
    );
    expect(keys.standing("acme", "agent", "k1")).toBe("own");
    expect(keys.standing("acme", "other", "k1")).toBe("other_agent");
    expect(keys.standing("globex", "agent", "k1")).toBe("other_tenant");
    expect(keys.holds("acme", "k1")).toBe(true);
    // The bundle that replaces this one may give its key to another agent.
    expect(keys.pinnable("acme", "other", "k1")).toBe("own");
    expect(keys.pinnable("globex", "agent", "k1")).toBe("other_tenant");
  });
});
