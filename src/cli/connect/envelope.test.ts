import { describe, expect, it } from "vitest";
import { envelopeOf } from "./envelope.ts";

const MODERN = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
const JSON_HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

const call = (name: string) => ({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: { name, _meta: MODERN },
});

describe("the headers of a message", () => {
  it("repeat what a message of the newer era says in its body", () => {
    expect(envelopeOf(call("customers_find"), null)).toEqual({
      id: 1,
      method: "tools/call",
      modern: true,
      cancels: null,
      headers: {
        ...JSON_HEADERS,
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "customers_find",
      },
    });
  });

  it.each(["pаyroll", "a\r\nauthorization: x", " a", "=?base64?YQ==?=", ""])(
    "carry the name %j encoded, so that it cannot become another header",
    (name) => {
      const encoded = `=?base64?${Buffer.from(name).toString("base64")}?=`;
      expect(envelopeOf(call(name), null).headers["mcp-name"]).toBe(encoded);
    },
  );

  it("name the version agreed on in the older era, once there is one", () => {
    const list = { jsonrpc: "2.0", id: 1, method: "tools/list" };
    expect(envelopeOf(list, null).headers).toEqual(JSON_HEADERS);
    expect(envelopeOf(list, "2025-11-25").headers).toEqual({
      ...JSON_HEADERS,
      "mcp-protocol-version": "2025-11-25",
    });
    const again = { jsonrpc: "2.0", id: 1, method: "initialize", params: {} };
    expect(envelopeOf(again, "2025-11-25").headers).toEqual(JSON_HEADERS);
  });
});

describe("an envelope", () => {
  it("knows which request a cancellation takes back", () => {
    const params = { requestId: "r1" };
    const message = { jsonrpc: "2.0", method: "notifications/cancelled", params };
    expect(envelopeOf(message, null)).toMatchObject({ id: null, cancels: "r1" });
  });

  it.each([null, 7, "x", [], { id: 3, result: {} }])("asks no answer for %j", (message) => {
    expect(envelopeOf(message, null)).toMatchObject({ id: null, method: null });
  });
});
