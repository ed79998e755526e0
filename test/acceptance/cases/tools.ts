import { describe, expect, it } from "vitest";
import { join } from "node:path";
import { ROOT, run as runProcess } from "../support/process.ts";
import { profileFile } from "../support/profile.ts";
import type { World } from "../support/world.ts";

/** What people do with tools: see all of them, confirm what was guessed, stop one. */
export function toolCases(world: () => World): void {
  describe("postern tool", () => {
    const run = (...args: string[]) => world().host.tool(...args, "--tenant", "acme");

    it("lists what nobody has reviewed, which no agent is offered and none may call", async () => {
      const { acme, agent } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      const { code, stdout } = await run("show", "lab_imported", "--json");
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        ...{ state: "unreviewed", review: ["tier", "output"], owner: "acme-lab" },
        ...{ action: "read", tier: "internal", dataClasses: ["lab.note"], lastUsedAt: null },
      });
      const { body } = await workflow.request("GET", "/tools");
      const names = (body as { tools: readonly { name: string }[] }).tools.map(({ name }) => name);
      expect(names).toContain("lab_note");
      expect(names).not.toContain("lab_imported");
      // Right or wrong arguments: it is not this that keeps it from being called.
      for (const args of [{ text: "hi" }, {}]) {
        expect(await workflow.call("lab_imported", args)).toMatchObject({
          outcome: "policy_denied",
          reason: { code: "tool_unreviewed", ruleIds: ["core:review"] },
        });
      }
      expect(JSON.parse((await run("show", "lab_imported", "--json")).stdout)).toMatchObject({
        lastUsedAt: null,
      });
    });

    it("quarantines a tool at once, says so, and knows when it was last used", async () => {
      const { acme, agent, host } = world();
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      expect(await workflow.call("lab_note", { text: "before" })).toMatchObject({ outcome: "ok" });
      const { code, stdout } = await run("quarantine", "lab_note", "--reason", "odd", "--json");
      expect(code).toBe(0);
      const { lock } = JSON.parse(stdout) as { readonly lock: string };
      try {
        expect(await workflow.call("lab_note", { text: "after" })).toMatchObject({
          outcome: "policy_denied",
          reason: { code: "locked", ruleIds: [`lock:${lock}`] },
        });
        const list = JSON.parse((await run("list", "--json")).stdout) as {
          readonly tools: readonly { readonly tool: string }[];
        };
        expect(list.tools.find(({ tool }) => tool === "lab_note")).toMatchObject({
          ...{ state: "quarantined", locks: [`lock:${lock}`] },
          lastUsedAt: expect.stringMatching(/^\d{4}-/),
        });
        expect((await run("list")).stdout).toMatch(/^lab_note .*quarantined/m);
      } finally {
        await host.lock("remove", lock, "--tenant", "acme");
      }
      expect(await workflow.call("lab_note", { text: "again" })).toMatchObject({ outcome: "ok" });
    });

    it("stops nothing by a name that is only spelt like one", async () => {
      const { code, stderr } = await run("quarantine", "lab_nte", "--reason", "odd");
      expect([code, stderr]).toEqual([1, expect.stringContaining("postern tool list")]);
      expect((await run("show", "lab_nte")).code).toBe(1);
      expect((await run("quarantine", "lab_note", "--reason", "two\nlines")).code).toBe(2);
    });
  });

  describe("an agent with the SDK", () => {
    it("sees the tools of its seat, and those that fit a task first", async () => {
      const { acme, agent } = world();
      const profile = await profileFile(world(), "find-tools");
      const task = "note a text & more";
      const { code, stdout } = await runProcess([
        ...[process.execPath, join(ROOT, "examples/acme/agent/find-tools.ts")],
        ...["--profile", profile, "--limit", "2", task, "qqqq zzzz"],
      ]);
      expect(code).toBe(0);
      const { listed, found } = JSON.parse(stdout) as {
        readonly listed: readonly { readonly name: string }[];
        readonly found: readonly (readonly object[])[];
      };
      const names = listed.map(({ name }) => name);
      expect(names).toEqual(names.toSorted());
      const note = listed.find(({ name }) => name === "lab_note");
      expect(note).toMatchObject({ inputSchema: { type: "object", properties: { text: {} } } });
      // Nobody has reviewed it, so nobody is offered it.
      expect(names).not.toContain("lab_imported");
      const workflow = await acme.open(agent, "dana", { purpose: "lab" });
      expect((await workflow.request("GET", "/tools")).body).toEqual({ tools: listed });
      const [fitting = [], nothing] = found;
      expect(fitting).toHaveLength(2);
      expect(fitting).toContainEqual(note);
      expect(listed).toEqual(expect.arrayContaining([...fitting]));
      expect(nothing).toEqual([]);
      const path = `/tools?task=${encodeURIComponent(task)}&limit=2`;
      expect((await workflow.request("GET", path)).body).toEqual({ tools: fitting });
    });
  });
}
