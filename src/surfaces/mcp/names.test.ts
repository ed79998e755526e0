import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as names from "./names.ts";

it("pins the wire-visible names of the MCP surface", () => {
  expect({ ...names }).toEqual({
    OUTCOME_META_KEY: "dev.postern/outcome",
    IDEMPOTENCY_META_KEY: "dev.postern/idempotency-key",
    USAGE_META_KEY: "dev.postern/usage",
    SERVER_INFO: { name: "postern", version: "0.1.0" },
    PROTOCOL_VERSIONS: ["2026-07-28", "2025-11-25"],
    PROTOCOL_VERSION_META_KEY: "io.modelcontextprotocol/protocolVersion",
    MAX_MESSAGE_BYTES: 4_194_304,
    LIST_TTL_MS: 5_000,
    PARSE_ERROR: -32700,
    INVALID_REQUEST: -32600,
    METHOD_NOT_FOUND: -32601,
    HEADER_MISMATCH: -32020,
    INTERNAL_ERROR: -32603,
  });
});

it("tells the version of the package", () => {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  expect((JSON.parse(text) as { version: string }).version).toBe(names.SERVER_INFO.version);
});
