import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { DANA, Fixture } from "./testing.ts";

const ERAS = [
  ["2026-07-28", { pin: "2026-07-28" }],
  ["2025-11-25", "legacy"],
] as const;

async function connected(fixture: Fixture, mode: (typeof ERAS)[number][1]): Promise<Client> {
  const client = new Client({ name: "test", version: "0" }, { versionNegotiation: { mode } });
  const url = new URL("https://gateway.example/acme/mcp");
  const options = { fetch: fixture.fetchAs(DANA) };
  await client.connect(new StreamableHTTPClientTransport(url, options));
  return client;
}

describe.each(ERAS)("the official client in %s", (version, mode) => {
  it("learns who we are, what we serve and how to read us", async () => {
    const client = await connected(new Fixture(), mode);
    expect(client.getNegotiatedProtocolVersion()).toBe(version);
    expect(client.getServerVersion()).toEqual({ name: "postern", version: "0.1.0" });
    expect(client.getServerCapabilities()).toEqual({ tools: {} });
    expect(client.getInstructions()).toContain("decided by policy");
    await client.close();
  });

  it("lists the tools with their schemas", async () => {
    const client = await connected(new Fixture(), mode);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["customers_find", "names_list"]);
    expect(tools[0]).toMatchObject({
      title: "Find a customer",
      inputSchema: { type: "object", properties: { id: { type: "string" } } },
      outputSchema: { type: "object" },
      annotations: { readOnlyHint: true },
    });
    await client.close();
  });

  it("calls a tool in the name of the caller and gets outcome and result", async () => {
    const fixture = new Fixture();
    const client = await connected(fixture, mode);
    const result = await client.callTool({ name: "customers_find", arguments: { id: "c1" } });
    expect(result).toMatchObject({
      content: [{ type: "text", text: '{"tool":"customers_find","args":{"id":"c1"}}' }],
      structuredContent: { tool: "customers_find", args: { id: "c1" } },
      _meta: { "dev.postern/outcome": { outcome: "ok", call: "call_1" } },
    });
    expect(result.isError).toBeUndefined();
    expect(fixture.calls).toMatchObject([
      { caller: DANA, tool: "customers_find", args: { id: "c1" } },
    ]);
    await client.close();
  });

  it("gets a list as its era carries it, valid under the schema that was listed", async () => {
    const client = await connected(new Fixture(), mode);
    await client.listTools();
    const { structuredContent } = await client.callTool({ name: "names_list" });
    const names = ["Ada", "Bo"];
    expect(structuredContent).toEqual(version === "2025-11-25" ? { result: names } : names);
    await client.close();
  });

  it("gets a denial as a tool result, also where the tool has an output schema", async () => {
    const fixture = new Fixture();
    fixture.answer = () => ({
      outcome: "failed",
      call: "call_2",
      reason: { kind: "schema", code: "invalid_arguments", message: "Wrong.", at: ["/id"] },
      retryable: false,
    });
    const client = await connected(fixture, mode);
    await client.listTools();
    const result = await client.callTool({ name: "customers_find", arguments: {} });
    expect(result).toMatchObject({
      isError: true,
      content: [{ type: "text", text: "failed invalid_arguments: Wrong. At: /id." }],
      _meta: { "dev.postern/outcome": { outcome: "failed", call: "call_2" } },
    });
    await client.close();
  });

  it("keeps the text of a defect to itself", async () => {
    const fixture = new Fixture();
    fixture.answer = () => {
      throw new Error("secret at /home/x");
    };
    const client = await connected(fixture, mode);
    await expect(client.callTool({ name: "customers_find" })).rejects.toMatchObject({
      code: -32603,
      message: expect.not.stringContaining("secret"),
    });
    expect(fixture.faults).toEqual([new Error("secret at /home/x")]);
    await client.close();
  });
});
