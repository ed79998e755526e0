import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ERAS, mcpClient, outcomeOf } from "../support/mcp.ts";
import { postern, Running } from "../support/process.ts";
import { profileFile } from "../support/profile.ts";
import type { Outcome, Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

interface Asked {
  readonly id: string;
  readonly digest: string;
  readonly kinds: readonly string[];
  readonly url: string;
}

const approvalOf = (outcome: Outcome): Asked =>
  (outcome as unknown as { readonly approval: Asked }).approval;

/** Waiting is re-issuing: the same over MCP, in both eras, as over REST. */
export function mcpApprovalCases(world: () => World): void {
  let n = 0;
  const fresh = (): { readonly key: string; readonly title: string } => ({
    key: `mcp-doc-${++n}`,
    title: `title ${n}`,
  });
  const writes = (key: string): number =>
    world().lab.arrivals.filter(
      ({ method, path }) => method === "PATCH" && path.endsWith(`/${key}`),
    ).length;
  const both = async (asked: Asked): Promise<void> => {
    expect((await world().acme.decide("erin", asked, "finance")).status).toBe(200);
    expect((await world().acme.decide("olga", asked, "second")).status).toBe(200);
  };

  describe.each(ERAS)("an approval for an MCP client of %s", (version, mode) => {
    let workflow: Workflow;
    /** Configured to wait for nobody, for a second, and not at all. */
    let hasty: Client;
    let brief: Client;
    let patient: Client;
    beforeAll(async () => {
      const { acme, agent } = world();
      workflow = await acme.open(agent, "dana", { purpose: "refund" });
      hasty = await mcpClient(workflow, mode, { prefer: "wait=0" });
      brief = await mcpClient(workflow, mode, { prefer: "wait=1" });
      patient = await mcpClient(workflow, mode);
    });
    afterAll(async () => {
      for (const client of [hasty, brief, patient]) await client?.close();
    });
    const change = async (client: Client, args: object): Promise<Outcome> =>
      outcomeOf(await client.callTool({ name: "lab_document", arguments: { ...args } }));
    const overRest = async (args: object, wait = 0): Promise<Outcome> => {
      const sent = { headers: { prefer: `wait=${wait}` } };
      const body = { tool: "lab_document", arguments: args };
      return (await workflow.request("POST", "/calls", body, sent)).body as Outcome;
    };

    it("is asked for by a result that a model can read, and a program", async () => {
      const args = fresh();
      const result = await hasty.callTool({ name: "lab_document", arguments: args });
      const outcome = outcomeOf(result);
      const { url } = approvalOf(outcome);
      expect(result).toMatchObject({ isError: true, content: [{ type: "text" }] });
      const [block] = result.content as readonly { readonly text: string }[];
      for (const part of [url, args.title, "finance", "second", "Send the identical call again"]) {
        expect(block?.text).toContain(part);
      }
      // Word for word what REST says of the same call.
      expect(outcome).toEqual(await overRest(args));
      expect(await change(hasty, args)).toEqual(outcome);
      expect(writes(args.key)).toBe(0);
    });

    it("lets the call wait as long as the client says, and tells what is still missing then", async () => {
      const { acme } = world();
      const args = fresh();
      const asked = approvalOf(await change(hasty, args));
      await acme.decide("erin", asked, "finance");
      const waited = await change(brief, args);
      expect(waited).toMatchObject({
        outcome: "human_approval_required",
        approval: { id: asked.id, kinds: ["second"] },
      });
      expect(waited).toEqual(await overRest(args, 1));
    });

    it("is carried out once for all who wait for it, over MCP and REST, and they hear the same", async () => {
      const args = fresh();
      const asked = approvalOf(await change(hasty, args));
      const waiting = [
        ...Array.from({ length: 4 }, () => change(patient, args)),
        ...Array.from({ length: 4 }, () => overRest(args, 40)),
      ];
      await both(asked);
      const outcomes = await Promise.all(waiting);
      expect(new Set(outcomes.map(({ outcome, call }) => `${outcome} ${call}`)).size).toBe(1);
      expect(outcomes[0]).toMatchObject({ outcome: "partial_result" });
      expect(writes(args.key)).toBe(1);
      // Sent again afterwards: that one, with its result where a client looks for it.
      const again = await patient.callTool({ name: "lab_document", arguments: args });
      expect(again.isError ?? false).toBe(false);
      expect(again.structuredContent).toMatchObject({ title: args.title, secret: null });
      expect(outcomeOf(again).call).toBe(outcomes[0]?.call);
      expect(writes(args.key)).toBe(1);
    });

    it("is refused while it is waited for, and stays so", async () => {
      const { acme } = world();
      const args = fresh();
      const asked = approvalOf(await change(hasty, args));
      const waiting = change(patient, args);
      await acme.decide("erin", asked, "finance", "reject");
      const denied = { outcome: "policy_denied", reason: { code: "approval_rejected" } };
      expect(await waiting).toMatchObject(denied);
      expect(await change(hasty, { ...args, title: "another" })).toMatchObject(denied);
      expect(writes(args.key)).toBe(0);
    });

    it("does not end with a client that gave up: the next one joins it", async () => {
      const args = fresh();
      const asked = approvalOf(await change(hasty, args));
      const gone = new AbortController();
      const wanted = { name: "lab_document", arguments: { ...args } };
      const given = patient.callTool(wanted, { signal: gone.signal }).catch(() => "gave up");
      gone.abort();
      expect(await given).toBe("gave up");
      await both(asked);
      expect(await change(patient, args)).toMatchObject({ outcome: "partial_result" });
      expect(writes(args.key)).toBe(1);
    });

    it("works through `postern connect`, for a client that knows nothing of it", async () => {
      const args = fresh();
      const profile = await profileFile(world(), `approval-${version}`);
      const connect = new Running(`approval-connect-${version}`, [
        ...postern("connect", "--profile", profile, "--http", "0"),
      ]);
      const { url } = await connect.ready();
      const client = new Client({ name: "stock", version: "1" }, { versionNegotiation: { mode } });
      const requestInit = { headers: { prefer: "wait=1" } };
      await client.connect(
        new StreamableHTTPClientTransport(new URL(String(url)), { requestInit }),
      );
      const asked = approvalOf(await change(client, args));
      expect(await change(client, args)).toMatchObject({ approval: { id: asked.id } });
      await both(asked);
      expect(await change(client, args)).toMatchObject({ outcome: "partial_result" });
      expect(writes(args.key)).toBe(1);
      await client.close();
      expect(await connect.stop()).toBe(0);
    });

    it("works through `postern connect` on standard input and output, which waits by itself", async () => {
      const args = fresh();
      const profile = await profileFile(world(), `approval-stdio-${version}`);
      const [command = "", ...rest] = postern("connect", "--profile", profile);
      const client = new Client({ name: "stock", version: "1" }, { versionNegotiation: { mode } });
      await client.connect(new StdioClientTransport({ command, args: rest, stderr: "ignore" }));
      const asked = approvalOf(await change(client, args));
      const waiting = change(client, args);
      await both(asked);
      expect(await waiting).toMatchObject({ outcome: "partial_result" });
      expect(writes(args.key)).toBe(1);
      await client.close();
    });
  });
}
