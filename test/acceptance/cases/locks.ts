import { describe, expect, it } from "vitest";
import { listLocks, lock, type LockView, unlock } from "../support/locks.ts";
import { reconnected } from "../support/reconnected.ts";
import type { OAuthRefusal } from "../support/tenant.ts";
import { until } from "../support/until.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

const WISH = { purpose: "lab" };
const REVOKING = ["tenant", "human", "agent", "key", "workflow"] as const;
const PAUSING = ["tool", "destination", "bundle"] as const;

/** Kill means kill (P4): what is locked does nothing more, and nothing of it comes back to life. */
export function lockCases(world: () => World): void {
  const open = (): Promise<Workflow> => world().acme.open(world().agent, "dana", WISH);
  const note = (workflow: Workflow): Promise<Outcome> => workflow.call("lab_note", { text: "x" });

  /** Holds a lock while `work` runs, and takes it away whatever happens. */
  async function holding<T>(
    target: string,
    value: string,
    work: (held: LockView) => Promise<T>,
  ): Promise<T> {
    const held = await lock(world().host, target, value);
    try {
      return await work(held);
    } finally {
      await unlock(world().host, held);
    }
  }

  /** What a lock on this target names to hold this workflow. */
  async function valueOf(target: string, workflow: Workflow): Promise<string> {
    const [opened] = await workflow.events();
    const event = opened?.event ?? {};
    const values: { readonly [target: string]: unknown } = {
      ...event,
      ...{ tenant: "acme", key: Reflect.get(event, "jkt"), workflow: workflow.id },
      ...{ tool: "lab_note", destination: "lab", bundle: Reflect.get(event, "policyVersion") },
    };
    return String(values[target]);
  }

  /** What it is told from the moment it is locked until it works again. */
  async function untilBack(workflow: Workflow): Promise<readonly Outcome[]> {
    const denied: Outcome[] = [];
    await until("it was locked, and works again", async () => {
      const outcome = await note(workflow);
      if (outcome.outcome !== "ok") denied.push(outcome);
      return denied.length > 0 && outcome.outcome === "ok";
    });
    return denied;
  }

  function expectLocked(outcome: Outcome, { lock: id }: LockView): void {
    expect(outcome).toMatchObject({
      outcome: "policy_denied",
      reason: { code: "locked", ruleIds: [`lock:${id}`] },
    });
  }

  describe("a kill in the middle of calls", () => {
    it("withholds the read, leaves the mutation unknown, and says when all has ended", async () => {
      const { lab, host } = world();
      const workflow = await open();
      const other = await open();
      const read = workflow.call("lab_gate", { key: "kill-read" });
      const write = workflow.call("lab_change_gate", { key: "kill-write" });
      const unharmed = other.call("lab_gate", { key: "kill-other" });
      await Promise.all(["kill-read", "kill-write", "kill-other"].map((key) => lab.waiting(key)));
      const { epoch } = await listLocks(host);

      const held = await lock(host, "workflow", workflow.id);
      expect(held).toEqual({
        lock: expect.stringMatching(/^lck_[0-9a-f]{32}$/),
        target: "workflow",
        value: workflow.id,
        reason: "a test",
        by: "operator",
        state: "in_force",
        inForceAt: expect.any(String),
        calls: 2,
        drainedAt: expect.any(String),
        expiresAt: expect.any(String),
        known: true,
      });
      expect(Date.parse(held.drainedAt ?? "") - Date.parse(held.inForceAt)).toBeLessThan(2_000);
      expectLocked(await read, held);
      expect(await write).toMatchObject({
        outcome: "outcome_unknown",
        reason: { code: "interrupted" },
      });
      expectLocked(await note(workflow), held);
      expect((await listLocks(host)).epoch).toBe(epoch + 1);

      // The connector was told: the service sees both given up, and nobody else was cut.
      await Promise.all([lab.dropped("kill-read"), lab.dropped("kill-write")]);
      lab.open("kill-other");
      expect((await unharmed).outcome).toBe("ok");
      const settled = (await workflow.events())
        .map(({ event }) => event)
        .filter(({ type }) => type === "call.settled");
      expect(settled.map((event) => String(event["outcome"])).sort()).toEqual([
        "outcome_unknown",
        "policy_denied",
      ]);
      for (const event of settled) expect(event["ruleIds"]).toEqual([`lock:${held.lock}`]);
      lab.open("kill-read");
      lab.open("kill-write");
      await unlock(host, held);
      expectLocked(await note(workflow), held);
      expect((await note(await open())).outcome).toBe("ok");
    });

    it("reaches every one of many at once, and none is admitted after it", async () => {
      const { lab, host } = world();
      const workflow = await open();
      const reads = Array.from({ length: 64 }, () => workflow.call("lab_gate", { key: "many" }));
      await lab.waiting("many", 64);
      const held = await lock(host, "agent", "support-agent");
      const acknowledged = Date.now();
      try {
        for (const read of await Promise.all(reads)) expectLocked(read, held);
        expect(held.calls).toBeGreaterThanOrEqual(64);
        const after = await Promise.all(Array.from({ length: 16 }, () => note(workflow)));
        for (const outcome of after) expectLocked(outcome, held);
        const admitted = (await workflow.events()).filter(
          ({ event }) => event.type === "call.admitted" && event.at > acknowledged,
        );
        expect(admitted).toEqual([]);
      } finally {
        lab.open("many");
        await unlock(host, held);
      }
    });
  });

  describe("a lock that revokes", () => {
    it.each(REVOKING)("on %s: nothing more, and the old credential stays dead", async (target) => {
      const { acme, agent } = world();
      const workflow = await open();
      expect((await note(workflow)).outcome).toBe("ok");
      const value = await valueOf(target, workflow);
      const held = await holding(target, value, async (one) => {
        expectLocked(await note(workflow), one);
        const again = await acme.redeem(agent, await acme.signIn("dana"), WISH);
        if (target === "workflow") return (expect(again.status).toBe(200), one);
        const refusal = again.body as OAuthRefusal;
        expect([again.status, refusal.error]).toEqual([400, "access_denied"]);
        expect(refusal.outcome).toMatchObject({ reason: { ruleIds: [`lock:${one.lock}`] } });
        return one;
      });
      expectLocked(await note(workflow), held);
      expect((await note(await open())).outcome).toBe("ok");
    });

    it("withholds what was given before: results, differences, the agent's own state", async () => {
      const { host } = world();
      const workflow = await open();
      const read = await workflow.call("lab_note", { text: "before the kill" });
      const write = await workflow.call("lab_write", { text: "before the kill" });
      const asked = await workflow.request(
        "POST",
        "/calls",
        { tool: "lab_document", arguments: { key: "before-the-kill", title: "before the kill" } },
        { headers: { prefer: "wait=0" } },
      );
      const asks = asked.body as Outcome;
      expect(asks.outcome).toBe("human_approval_required");
      await workflow.request("PUT", "/checkpoint", "before the kill");
      const all = [read, write, asks].map(({ call }) => `/calls/${call}`);
      const texts = async (): Promise<readonly string[]> =>
        Promise.all(
          ["/checkpoint", ...all].map(async (path) => (await workflow.request("GET", path)).text),
        );
      for (const text of await texts()) expect(text).toContain("before the kill");

      const held = await lock(host, "workflow", workflow.id);
      const after = await texts();
      for (const text of after) expect(text).not.toContain("before the kill");
      const [, ofRead, ofWrite, ofAsked] = after.map((text) => JSON.parse(text) as object);
      const locked = {
        outcome: { outcome: "policy_denied", reason: { ruleIds: [`lock:${held.lock}`] } },
      };
      expect(ofRead).toMatchObject(locked);
      expect(ofAsked).toMatchObject(locked);
      // It happened: who is not told would do it again.
      expect(ofWrite).toMatchObject({ outcome: { outcome: "ok" } });
      await unlock(host, held);
      for (const text of await texts()) expect(text).not.toContain("before the kill");
    });

    it("leaves another tenant alone", async () => {
      const { globex, stranger } = world();
      const foreign = await globex.open(stranger, "pat", WISH);
      await holding("tenant", "acme", async () => {
        expect(await note(foreign)).toMatchObject({ reason: { code: "connector_unavailable" } });
      });
    });
  });

  describe("a lock that pauses", () => {
    it.each(PAUSING)("on %s: nothing while it holds, everything after it", async (target) => {
      const workflow = await open();
      const value = await valueOf(target, workflow);
      await holding(target, value, async (one) => expectLocked(await note(workflow), one));
      expect((await note(workflow)).outcome).toBe("ok");
    });

    it("on a connector: its session ends and it gets no other one, until the lock is gone", async () => {
      const { host, lab } = world();
      const workflow = await open();
      lab.open("paused");
      const doomed = (): Promise<Outcome> => workflow.call("lab_doomed", { key: "paused" });
      expect((await doomed()).outcome).toBe("ok");
      const connector = host.processes.get("doomed");
      const sessions = (): number => String(connector?.stderr).split('"session_ended"').length;
      const before = sessions();
      const admitted = (await workflow.events()).find(
        ({ event }) => event.type === "call.admitted",
      );
      await holding("connector", String(admitted?.event["connector"]), async () => {
        expect(await host.away()).toContain("doomed");
        // Expelled, and refused when it dialled again.
        await until("it has tried again", () => sessions() >= before + 2);
        expect(await doomed()).toMatchObject({ reason: { code: "connector_unavailable" } });
      });
      await until("the connector is back", async () => (await doomed()).outcome === "ok");
    });
  });

  describe("the time of a lock", () => {
    it("runs out by itself: a tool works again, a workflow stays dead", async () => {
      const { host } = world();
      const [paused, killed] = [await open(), await open()];
      // Asked all the while: on a busy machine the command ends when its lock has run out.
      const asking = untilBack(paused);
      const tool = await lock(host, "tool", "lab_note", "--for", "2s");
      const workflow = await lock(host, "workflow", killed.id, "--for", "2s");
      for (const outcome of await asking) expectLocked(outcome, tool);
      expectLocked(await note(killed), workflow);
      await until("no lock is left", async () => (await listLocks(host)).locks.length === 0);
      expectLocked(await note(killed), workflow);
    });

    it("goes on over the death of the gateway", async () => {
      const { host } = world();
      const [paused, killed] = [await open(), await open()];
      const gone = await lock(host, "workflow", killed.id);
      await unlock(host, gone);
      const tool = await lock(host, "tool", "lab_note");
      const before = await listLocks(host);
      await host.kill("gateway");
      await host.restart("gateway");
      expect(await listLocks(host)).toEqual(before);
      expectLocked(await note(paused), tool);
      await unlock(host, tool);
      await reconnected(host);
      expect((await note(paused)).outcome).toBe("ok");
      expectLocked(await note(killed), gone);
    });
  });

  describe("postern lock", () => {
    const run = (...args: string[]) => world().host.lock(...args, "--tenant", "acme");

    it("says every mistake at once, and locks nothing", async () => {
      const { code, stderr } = await run("add", "tool", "Lab Note", "--reason", "\u001b[31m");
      expect(code).toBe(2);
      expect(stderr).toContain("VALUE");
      expect(stderr).toContain("--reason");
      expect(stderr).not.toContain("\u001b");
      for (const wrong of [
        ["add", "tool", "lab_note"],
        ["add", "nobody", "lab_note", "--reason", "x"],
        ["add", "tool", "lab_note", "--reason", "x", "--for", "soon"],
        ["add", "tenant", "globex", "--reason", "x"],
      ]) {
        expect([wrong.join(" "), (await run(...wrong)).code]).toEqual([wrong.join(" "), 2]);
      }
      expect((await listLocks(world().host)).locks).toEqual([]);
    });

    it("lists what holds, in words and for machines, and removes it once", async () => {
      const added = await run("add", "tool", "lab_note", "--reason", "in words");
      expect(added.stdout).toMatch(/^in force lck_[0-9a-f]{32} on tool lab_note since /);
      expect(added.stdout).toContain("drained at");
      expect(added.code).toBe(0);
      const [held] = (await listLocks(world().host)).locks;
      expect((await run("list")).stdout).toMatch(/lab_note +in_force .* operator +in words/);
      const removed = await run("remove", String(held?.lock));
      expect([removed.code, removed.stdout]).toEqual([0, `removed ${held?.lock}\n`]);
      const again = await run("remove", String(held?.lock));
      expect(again.code).toBe(1);
      expect(again.stderr).toContain("postern lock list");
    });

    it("asks whether a name that nobody knows is spelt right", async () => {
      const added = await run("add", "agent", "suport-agent", "--reason", "typo");
      expect(added.stdout).toContain("spelt right");
      const [held] = (await listLocks(world().host)).locks;
      await run("remove", String(held?.lock));
    });
  });
}
