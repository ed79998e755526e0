import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../support/http.ts";
import { ERAS, mcpClient, outcomeOf } from "../support/mcp.ts";
import { postern, Running } from "../support/process.ts";
import { profileFile } from "../support/profile.ts";
import type { Workflow } from "../support/workflow.ts";
import type { World } from "../support/world.ts";

/** MCP in both eras, with the official client, directly and through `postern connect`. */
export function mcpCases(world: () => World): void {
  describe.each(ERAS)("an MCP client of %s", (version, mode) => {
    let workflow: Workflow;
    const connected = (): Promise<Client> => mcpClient(workflow, mode);
    beforeAll(async () => {
      const { acme, agent } = world();
      workflow = await acme.open(agent, "dana", { purpose: "lab" });
    });

    it("is served by this server, and sees the tools it may reach", async () => {
      const client = await connected();
      expect(client.getServerVersion()).toMatchObject({ name: "postern" });
      const { tools } = await client.listTools();
      const names = tools.map(({ name }) => name);
      expect(names).toEqual([...names].sort());
      expect(names).toEqual(expect.arrayContaining(["customers_find", "lab_note"]));
      // Nobody may connect to these two: they do not exist for this agent.
      expect(names).not.toContain("lab_fortress");
      expect(names).not.toContain("lab_island");
      const note = tools.find(({ name }) => name === "lab_note");
      expect(note?.inputSchema).toMatchObject({
        type: "object",
        properties: { text: { type: "string" } },
      });
      expect(JSON.stringify(tools)).not.toContain("dataClass");
      await client.close();
    });

    it("finds tools for a task among those it is offered, over MCP as over REST", async () => {
      const client = await connected();
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toContain("find_tools");
      const task = "refund an invoice of a customer";
      const found = await client.callTool({ name: "find_tools", arguments: { task, limit: 5 } });
      const names = (answer: unknown): readonly string[] =>
        (answer as { tools: readonly { name: string }[] }).tools.map(({ name }) => name);
      const { status, body } = await workflow.request(
        "GET",
        `/tools?task=${encodeURIComponent(task)}&limit=5`,
      );
      expect(status).toBe(200);
      expect(names(body).length).toBeGreaterThan(0);
      expect(names(found.structuredContent)).toEqual(names(body));
      const all = await workflow.request("GET", "/tools");
      expect(names(all.body)).toEqual(expect.arrayContaining([...names(body)]));
      expect(names(all.body)).not.toContain("lab_fortress");
      const bad = await workflow.request("GET", "/tools?task=x&limit=51");
      expect(bad.status).toBe(400);
      await client.close();
    });

    it("takes a call back: it is cut at its service, and its end is true", async () => {
      const { acme, agent, lab } = world();
      const own = await acme.open(agent, "dana", { purpose: "lab" });
      const client = await mcpClient(own, mode);
      for (const [tool, outcome] of [
        ["lab_gate", "failed"],
        ["lab_change_gate", "outcome_unknown"],
      ] as const) {
        const key = `taken-back-${tool}-${version}`.replaceAll("_", "-");
        const given = new AbortController();
        const asked = client
          .callTool({ name: tool, arguments: { key } }, { signal: given.signal })
          .catch((error: unknown) => error);
        await lab.waiting(key);
        given.abort();
        expect(await asked).toBeInstanceOf(Error);
        await lab.dropped(key);
        const end = await settled(own);
        expect(end).toMatchObject({ outcome, code: "cancelled" });
      }
      await client.close();
    });

    it("gets every outcome as a tool result that its own schema accepts", async () => {
      const { lab } = world();
      lab.script("mcp-people", {
        people: [
          { name: "ann", rank: "basic", mail: "a@x", home: { street: "s", city: "c" }, orders: [] },
        ],
        index: {},
      });
      const client = await connected();
      await client.listTools();
      const ok = await client.callTool({ name: "lab_note", arguments: { text: "hi" } });
      expect(ok).toMatchObject({
        structuredContent: { text: "hi" },
        content: [{ type: "text", text: '{"text":"hi"}' }],
      });
      expect(ok.isError ?? false).toBe(false);
      expect(outcomeOf(ok)).toMatchObject({ outcome: "ok", call: expect.stringMatching(/^call_/) });

      const partial = await client.callTool({
        name: "lab_people",
        arguments: { key: "mcp-people" },
      });
      expect(partial.structuredContent).toMatchObject({
        people: [{ name: "ann", mail: null, home: null }],
      });
      expect(partial.isError ?? false).toBe(false);
      expect(outcomeOf(partial)).toMatchObject({
        outcome: "partial_result",
        redactions: expect.arrayContaining([expect.objectContaining({ path: "/people/0/mail" })]),
      });
      expect(JSON.stringify(partial)).not.toContain("a@x");

      lab.script("mcp-shelf", {
        books: Array.from({ length: 20 }, (_, n) => ({ title: `book ${n}`, owner: "o@x" })),
      });
      const cut = await client.callTool({ name: "lab_shelf", arguments: { key: "mcp-shelf" } });
      expect(cut.structuredContent).toMatchObject({ books: { length: 5 } });
      expect(outcomeOf(cut)).toMatchObject({
        truncation: { places: [{ path: "/books", kept: 5, of: 20 }], arguments: ["key"] },
      });
      expect(cut.content).toContainEqual({
        type: "text",
        text: expect.stringContaining("/books was cut after 5 of 20 items"),
      });

      const denied = await client.callTool({ name: "lab_secret", arguments: {} });
      expect(denied).toMatchObject({ isError: true, content: [{ type: "text" }] });
      expect(outcomeOf(denied)).toMatchObject({
        outcome: "policy_denied",
        reason: { code: "data_denied", ruleIds: ["secrets-stay-secret"] },
      });
      const failed = await client.callTool({ name: "lab_status", arguments: { code: 500 } });
      expect(failed.isError).toBe(true);
      expect(outcomeOf(failed)).toMatchObject({
        outcome: "failed",
        reason: { code: "upstream_error", status: 500 },
      });
      const unknown = await client.callTool({
        name: "lab_change_status",
        arguments: { code: 500 },
      });
      expect(unknown.isError).toBe(true);
      expect(outcomeOf(unknown)).toMatchObject({
        outcome: "outcome_unknown",
        reconcile: expect.any(String),
      });
      await client.close();
    });

    it("finds an unknown tool recorded and denied, not a protocol error", async () => {
      const client = await connected();
      const result = await client.callTool({ name: "no_such_tool", arguments: {} });
      expect(result.isError).toBe(true);
      const outcome = outcomeOf(result);
      expect(outcome).toMatchObject({ outcome: "policy_denied", reason: { code: "unknown_tool" } });
      expect(await workflow.eventsOf(outcome.call)).toHaveLength(1);
      await client.close();
    });

    it("gets texts, pictures and blocks as content", async () => {
      const { lab } = world();
      lab.script("mcp-text", "just words", "text/plain");
      lab.script("mcp-image", "pixels", "image/png");
      lab.script("mcp-blocks", { content: [{ type: "text", text: "a block" }] });
      const client = await connected();
      expect(
        (await client.callTool({ name: "lab_text", arguments: { key: "mcp-text" } })).content,
      ).toEqual([{ type: "text", text: "just words" }]);
      expect(
        (await client.callTool({ name: "lab_image", arguments: { key: "mcp-image" } })).content,
      ).toEqual([
        { type: "image", mimeType: "image/png", data: Buffer.from("pixels").toString("base64") },
      ]);
      expect(
        (await client.callTool({ name: "lab_content", arguments: { key: "mcp-blocks" } })).content,
      ).toEqual([{ type: "text", text: "a block" }]);
      await client.close();
    });

    it(`speaks ${version} through \`postern connect\`, knowing nothing of Postern`, async () => {
      const profile = await profileFile(world(), version);
      const connect = new Running(
        `connect-${version}`,
        postern("connect", "--profile", profile, "--http", "0"),
      );
      const { url } = await connect.ready();
      const client = new Client({ name: "stock", version: "1" }, { versionNegotiation: { mode } });
      await client.connect(new StreamableHTTPClientTransport(new URL(String(url))));
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toContain("lab_note");
      const result = await client.callTool({
        name: "lab_note",
        arguments: { text: `through ${version}` },
      });
      expect(result.structuredContent).toEqual({ text: `through ${version}` });
      const denied = await client.callTool({ name: "lab_secret", arguments: {} });
      expect(outcomeOf(denied)).toMatchObject({ outcome: "policy_denied" });
      await client.close();
      expect(await connect.stop()).toBe(0);
    });

    it("may run `postern connect` as a child on standard input and output", async () => {
      const [command = "", ...args] = postern(
        "connect",
        "--profile",
        await profileFile(world(), `stdio-${version}`),
      );
      const client = new Client({ name: "stock", version: "1" }, { versionNegotiation: { mode } });
      await client.connect(new StdioClientTransport({ command, args, stderr: "ignore" }));
      const result = await client.callTool({
        name: "lab_note",
        arguments: { text: "over a pipe" },
      });
      expect(result.structuredContent).toEqual({ text: "over a pipe" });
      await client.close();
    });
  });

  describe("the MCP endpoint", () => {
    let workflow: Workflow;
    beforeAll(async () => {
      const { acme, agent } = world();
      workflow = await acme.open(agent, "dana", { purpose: "lab" });
    });

    const modern = (method: string, params: object): object => ({
      jsonrpc: "2.0",
      id: 1,
      method,
      params: {
        ...params,
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientCapabilities": {},
          "io.modelcontextprotocol/clientInfo": { name: "by-hand", version: "1" },
        },
      },
    });
    const speak = (body: object | string, headers: Record<string, string> = {}): Promise<Answer> =>
      workflow.request("POST", workflow.tenant.resource, undefined, {
        raw: typeof body === "string" ? body : JSON.stringify(body),
        headers: {
          accept: "application/json, text/event-stream",
          "mcp-protocol-version": "2026-07-28",
          ...headers,
        },
      });
    const call = modern("tools/call", { name: "lab_note", arguments: { text: "by hand" } });
    const named = { "mcp-method": "tools/call", "mcp-name": "lab_note" };

    it("authorises on the body, and refuses headers that say otherwise", async () => {
      const before = world().lab.arrivals.length;
      for (const headers of [
        { ...named, "mcp-name": "lab_write" },
        { ...named, "mcp-method": "tools/list" },
        { "mcp-method": "tools/call" },
        { ...named, "mcp-name": "LAB_NOTE" },
      ]) {
        const answer = await speak(call, headers);
        expect(answer.status, JSON.stringify(headers)).toBe(400);
        expect(answer.body).toMatchObject({ error: { code: -32020 } });
      }
      expect(world().lab.arrivals).toHaveLength(before);
      expect((await speak(call, named)).status).toBe(200);
    });

    it("holds clients of the older era to their headers, where they send any", async () => {
      const older = {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "lab_note", arguments: { text: "x" } },
      };
      const version = { "mcp-protocol-version": "2025-11-25" };
      const lying = await speak(older, { ...version, "mcp-name": "lab_write" });
      expect([lying.status, lying.body]).toMatchObject([400, { error: { code: -32020 } }]);
      expect((await speak(older, version)).status).toBe(200);
    });

    it.each([
      ["not JSON", "{", 400, -32700],
      [
        "a repeated key",
        '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}',
        400,
        -32600,
      ],
      [
        "__proto__",
        '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"__proto__":{}}}',
        400,
        -32600,
      ],
      ["a batch", '[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]', 400, -32600],
      [
        "ten megabytes",
        `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"${"y".repeat(10_000_000)}"}}`,
        413,
        -32600,
      ],
    ])("refuses %s", async (_, raw, status, code) => {
      const answer = await speak(raw, { "mcp-method": "tools/list" });
      expect(answer.status).toBe(status);
      expect(answer.body).toMatchObject({ error: { code } });
    });

    it("knows the method, the version and the envelope, or says so", async () => {
      const unknown = await speak(modern("tools/destroy", {}), { "mcp-method": "tools/destroy" });
      expect([unknown.status, unknown.body]).toMatchObject([404, { error: { code: -32601 } }]);
      const bare = {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: {
          name: "lab_note",
          arguments: {},
          _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" },
        },
      };
      const incomplete = await speak(bare, named);
      expect([incomplete.status, incomplete.body]).toMatchObject([
        400,
        { error: { code: -32602 } },
      ]);
      const text = JSON.stringify(call).replace("2026-07-28", "2031-01-01");
      const future = await speak(text, { ...named, "mcp-protocol-version": "2031-01-01" });
      expect([future.status, future.body]).toMatchObject([400, { error: { code: -32022 } }]);
    });

    it("is no place for browsers of other origins, for GET or for sessions", async () => {
      const foreign = await speak(call, { ...named, origin: "https://evil.example" });
      expect(foreign.status).toBe(403);
      expect((await speak(call, { ...named, origin: world().host.urls.gateway })).status).toBe(200);
      for (const method of ["GET", "DELETE"]) {
        expect((await workflow.request(method, workflow.tenant.resource)).status).toBe(405);
      }
    });
  });
}

/** The end of the last call, once it has one. */
async function settled(workflow: Workflow): Promise<object> {
  for (;;) {
    const last = (await workflow.events()).at(-1);
    if (last?.event.type === "call.settled") return last.event;
    await sleep(20);
  }
}
