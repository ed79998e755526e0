import { once } from "node:events";
import { cpSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { changedBundle } from "../support/bundle-folder.ts";
import { chainHeads } from "../support/chain.ts";
import type { NodeHost } from "../support/node-host.ts";
import { profileFile } from "../support/profile.ts";
import { reconnected } from "../support/reconnected.ts";
import type { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** What an operator of the Node host sees: the command line and the data folder. */
export function nodeCases(world: () => World, host: () => NodeHost): void {
  const open = (): Promise<Workflow> =>
    world().acme.open(world().agent, "dana", { purpose: "lab" });

  describe("the data folder", () => {
    it("belongs to one process; a second is refused with a clear error, at once", async () => {
      const intruder = host().intruder();
      const code = await intruder.exited;
      expect(code).not.toBe(0);
      expect(intruder.stdout).toBe("");
      expect(intruder.stderr).toContain("is in use by another Postern process");
      expect(intruder.stderr).toContain(host().dataDir);
      expect(intruder.stderr).not.toMatch(/\n\s+at /);
      expect((await (await open()).call("lab_note", { text: "still here" })).outcome).toBe("ok");
    });

    it("can be entered by its owner only", () => {
      const mode = (path: string): number => statSync(join(host().dataDir, path)).mode & 0o777;
      expect(mode(".")).toBe(0o700);
      expect(mode("postern.db")).toBe(0o600);
      expect(mode("admin.sock")).toBe(0o600);
      expect(mode("keys")).toBe(0o700);
      expect(mode("keys/wrapping.key")).toBe(0o600);
    });
  });

  describe("the command line", () => {
    it("shows one call whole, without a single value", async () => {
      const workflow = await open();
      const { call } = await workflow.call("lab_note", { text: "canary-in-show" });
      const shown = await host().command("call", "show", call, "--tenant", "acme", "--json");
      expect(shown.code).toBe(0);
      const report = JSON.parse(shown.stdout) as { [field: string]: unknown };
      const [admitted] = await workflow.eventsOf(call);
      expect(report).toMatchObject({
        call,
        workflow: workflow.id,
        outcome: "ok",
        principals: {
          human: expect.stringMatching(/^[0-9a-f]{64}$/),
          agent: "support-agent",
          tool: "lab_note",
        },
        tokens: [{ txn: admitted?.["txn"], scope: "tool:lab_note" }],
      });
      expect(shown.stdout).not.toContain("canary-in-show");
      const people = await host().command("call", "show", call, "--tenant", "acme");
      expect(people.stdout).toContain("support-reads-records");
      expect((await host().command("call", "show", "call_none", "--tenant", "acme")).code).not.toBe(
        0,
      );
    });

    it("replays a workflow from its inputs to the same hashes", async () => {
      const workflow = await open();
      await workflow.call("lab_note", { text: "one" });
      await workflow.call("lab_fortress");
      await workflow.call("lab_change_status", { code: 500 });
      await workflow.request("PUT", "/checkpoint", { n: 1 });
      const events = await workflow.events();
      const replay = await host().command("workflow", "replay", workflow.id, "--json");
      expect(JSON.parse(replay.stdout)).toEqual({
        identical: true,
        events: events.length,
        head: chainHeads("acme", workflow.id, events).at(-1),
      });
      expect(replay.code).toBe(0);
      const unknown = await host().command("workflow", "replay", "wf_unknown");
      expect(unknown.code).not.toBe(0);
    });

    it("verifies the record beside the running gateway", async () => {
      const verified = await host().command("audit", "verify", host().dataDir, "--json");
      expect(JSON.parse(verified.stdout)).toMatchObject({ sealedChecked: true, findings: [] });
      expect(verified.code).toBe(0);
    });

    it("names what somebody changed in the record", async () => {
      const workflow = await open();
      await workflow.call("lab_note", { text: "x" });
      const copy = join(world().folder, "tampered");
      const filter = (path: string): boolean => !/\.sock$|\/postern\.db/.test(path);
      cpSync(host().dataDir, copy, { recursive: true, filter });
      {
        // As of one moment, whatever the gateway writes meanwhile.
        using db = new DatabaseSync(join(host().dataDir, "postern.db"), { readOnly: true });
        db.prepare("VACUUM INTO ?").run(join(copy, "postern.db"));
      }
      {
        using db = new DatabaseSync(join(copy, "postern.db"));
        db.exec("DROP TRIGGER event_no_update");
        const change = db.prepare(
          "UPDATE event SET bytes = replace(bytes, '\"ok\"', '\"no\"') WHERE workflow = ? AND seq = 2",
        );
        expect(change.run(workflow.id).changes).toBe(1);
      }
      const verified = await host().command("audit", "verify", copy, "--json");
      expect(verified.code).toBe(1);
      expect(JSON.parse(verified.stdout)).toMatchObject({
        findings: [{ fault: "hash", tenant: "acme", workflow: workflow.id, seq: 2 }],
      });
      const spoken = await host().command("audit", "verify", copy);
      expect(spoken.stdout).toContain(`${workflow.id} seq 2`);
    });

    it("makes one call as a human who signs in, from a profile", async () => {
      const profile = await profileFile(world(), "call-make");
      const made = await host().command(
        "call",
        "make",
        "lab_note",
        '{"text":"by hand"}',
        "--as",
        profile,
      );
      expect(JSON.parse(made.stdout)).toMatchObject({
        outcome: "ok",
        result: { value: { text: "by hand" } },
      });
      expect(made.code).toBe(0);
      const denied = await host().command("call", "make", "lab_secret", "{}", "--as", profile);
      expect(JSON.parse(denied.stdout)).toMatchObject({
        outcome: "policy_denied",
        reason: { ruleIds: ["secrets-stay-secret"] },
      });
      expect(denied.code).not.toBe(0);
    });

    it("refuses a bundle with mistakes, and the old one stays", async () => {
      const { bundle, folder } = world();
      const broken = changedBundle(
        bundle,
        join(folder, "broken"),
        "trust.jsonc",
        '"support-agent"',
        '"suport-agent"',
      );
      const { code, stdout, stderr } = await host().activate("acme", broken);
      expect(code).not.toBe(0);
      expect(stdout + stderr).toMatch(/trust\.jsonc:\d+/);
      expect(stdout + stderr).toContain("support-agent");
      expect((await (await open()).call("lab_note", { text: "x" })).outcome).toBe("ok");
    });

    it("changes a rule, and the very next call feels it", async () => {
      const { bundle, folder } = world();
      const workflow = await open();
      expect((await workflow.call("lab_note", { text: "before" })).outcome).toBe("ok");
      const stricter = changedBundle(
        bundle,
        join(folder, "stricter"),
        "policies/action.cedar",
        '@id("support-writes")',
        '@id("no-notes-today")\nforbid (principal, action, resource == Tool::"lab_note");\n\n@id("support-writes")',
      );
      // Its own tests say that notes may be read.
      const gated = await host().activate("acme", stricter);
      expect(gated.code).not.toBe(0);
      expect(gated.stdout + gated.stderr).toContain("notes may be read");
      const honest = changedBundle(
        stricter,
        join(folder, "honest"),
        "policies/tests.yaml",
        "tool: lab_note\n    purpose: lab\n    expect: allow",
        "tool: lab_note\n    purpose: lab\n    expect: deny\n    class: action\n    rules: [no-notes-today]",
      );
      const activated = await host().activate("acme", honest);
      expect(activated.code, activated.stdout + activated.stderr).toBe(0);
      try {
        const outcome = await workflow.call("lab_note", { text: "after" });
        expect(outcome).toMatchObject({
          outcome: "policy_denied",
          reason: { code: "action_denied", policyClass: "action", ruleIds: ["no-notes-today"] },
        });
      } finally {
        expect((await host().activate("acme", bundle)).code).toBe(0);
      }
      expect((await workflow.call("lab_note", { text: "back" })).outcome).toBe("ok");
      const replay = await host().command("workflow", "replay", workflow.id, "--json");
      expect(JSON.parse(replay.stdout)).toMatchObject({ identical: true });
    });

    it("lists connectors and workflows", async () => {
      const workflow = await open();
      const listed = await host().command("workflow", "list", "--tenant", "acme");
      expect(listed.stdout).toContain(workflow.id);
      const connectors = await host().command("connector", "list", "--tenant", "acme");
      expect(connectors.stdout).toMatch(/con_[0-9a-f]{32} +acme +internal +connected/);
      const foreign = await host().command("workflow", "list", "--tenant", "globex");
      expect(foreign.stdout).not.toContain(workflow.id);
    });

    it("says how to solve what is wrong, without a stack trace", async () => {
      for (const args of [
        ["gateway", "run", "--config", "/nonexistent/postern.jsonc"],
        ["bundle", "check", "/nonexistent"],
        ["audit", "verify", "/nonexistent"],
        ["connector", "run", "--config", "/nonexistent", "--gateway", "http://127.0.0.1:1"],
        ["call", "make", "lab_note", "{broken", "--as", "nobody"],
        ["frobnicate"],
      ]) {
        const { code, stderr, stdout } = await host().command(...args);
        expect([args[0], code === 0]).toEqual([args[0], false]);
        expect(stderr + stdout, args.join(" ")).not.toMatch(/\n\s+at \S+ \(/);
        expect((stderr + stdout).length).toBeGreaterThan(10);
      }
    });
  });

  describe("a gateway that is told to stop", () => {
    it("answers what is under way, ends well, and comes back with everything it knew", async () => {
      const { lab, agent } = world();
      const workflow = await open();
      const url = workflow.url;
      const call = workflow.call("lab_gate", { key: "stopping" });
      await Promise.race([lab.waiting("stopping"), call]);
      // As late as can be: a proof is one for thirty seconds, and a busy machine restarts slowly.
      const used = await agent.proof("GET", url, { token: workflow.credential });
      expect((await workflow.request("GET", "", undefined, { proof: used })).status).toBe(200);
      const stopping = host().gateway.stop();
      lab.open("stopping");
      expect(await call).toMatchObject({ outcome: "ok", result: { value: { text: "stopping" } } });
      expect(await stopping).toBe(0);
      await host().restart("gateway");

      // Nothing is left of the memory of proofs: until a second has passed, the nonce stands in.
      const replayed = await workflow.request("GET", "", undefined, { proof: used });
      expect(replayed.status).toBe(401);
      expect(replayed.headers.get("www-authenticate")).toContain('error="use_dpop_nonce"');
      expect(replayed.headers.get("dpop-nonce")).toEqual(expect.any(String));
      const types = (await workflow.events()).map(({ event }) => event.type);
      expect(types).toEqual(["workflow.opened", "call.admitted", "call.settled"]);
      await reconnected(host());
    });

    it("brings a call to its end although its client has hung up", async () => {
      const { lab } = world();
      const workflow = await open();
      const hangUp = new AbortController();
      // As the workflow's own request: so soon after a start, the gateway asks for its nonce first.
      const hungUp = workflow
        .request(
          "POST",
          "/calls",
          { tool: "lab_gate", arguments: { key: "hung-up" } },
          { signal: hangUp.signal },
        )
        .catch((error: unknown) => error);
      // An answer at this point would be the end of the waiting, and of the test.
      await Promise.race([lab.waiting("hung-up"), hungUp]);
      hangUp.abort();
      expect(await hungUp).toMatchObject({ name: "AbortError" });
      const stopping = host().gateway.stop();
      while (await isListening(host().urls.gateway)) await sleep(10);
      lab.open("hung-up");
      expect(await stopping).toBe(0);
      await host().restart("gateway");
      await reconnected(host());
      const [, admitted, settled] = await workflow.events();
      expect(admitted?.event).toMatchObject({ type: "call.admitted", tool: "lab_gate" });
      expect(settled?.event).toMatchObject({ type: "call.settled", outcome: "ok" });
    });
  });

  describe("the log", () => {
    it("is one JSON object a line, with an event and nothing of anybody's request", () => {
      const lines = host()
        .gateway.stderr.split("\n")
        .filter((line) => line !== "");
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines)
        expect(JSON.parse(line)).toMatchObject({ event: expect.any(String) });
    });

    it("says nothing at all on standard output but that it is ready", () => {
      const lines = host().gateway.stdout.trim().split("\n");
      expect(lines).toHaveLength(1);
      expect(JSON.parse(lines[0] ?? "")).toMatchObject({ event: "ready", dataDir: host().dataDir });
    });
  });
}

/** A bare connection: a client that keeps its connections would find an old one still open. */
async function isListening(url: string): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
