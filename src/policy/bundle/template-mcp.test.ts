import { describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import type { BundleFiles } from "./model.ts";
import { goodBundle } from "./testing.ts";

const PIN = "0".repeat(64);
const TOOL = {
  ...{ id: "pages_read", title: "Read a page", description: "Reads.", destination: "wiki" },
  ...{ action: "read", tier: "public", cost: 1, timeoutMs: 1_000, maxResultBytes: 1_000 },
  mcp: { tool: "page-read", pin: PIN },
  input: { type: "object", properties: {}, additionalProperties: false },
};

/** The good bundle with an MCP server, and these tools of it. */
async function withTools(...tools: readonly object[]): Promise<BundleFiles> {
  const files = await goodBundle();
  const manifest = files["bundle.jsonc"] ?? "";
  const wiki = '"destinations": { "wiki": { "kind": "mcp", "network": "n", "tier": "public" },';
  const dataClass = /"dataClasses":\s*\{\s*"([^"]+)"/.exec(manifest)?.[1];
  const output = { kind: "mcp-content", dataClass };
  return {
    ...files,
    "bundle.jsonc": manifest.replace(/"destinations":\s*\{/, wiki),
    ...Object.fromEntries(
      tools.map((tool) => {
        const whole = { ...TOOL, output, ...tool };
        return [`tools/${whole.id}.jsonc`, JSON.stringify(whole)];
      }),
    ),
  };
}

async function mistakes(...tools: readonly object[]): Promise<readonly string[]> {
  const checked = checkBundle(await withTools(...tools));
  return checked.ok ? [] : checked.mistakes.map(({ file, code }) => `${file} ${code}`);
}

describe("a tool of an MCP server", () => {
  it("says which one, and under which pin it was reviewed", async () => {
    const checked = checkBundle(await withTools({}));
    if (!checked.ok) throw new Error(JSON.stringify(checked.mistakes));
    const read = checked.bundle.tools.find(({ tool }) => tool.id === "pages_read");
    expect(read?.template).toEqual({ kind: "mcp", tool: "page-read", pin: PIN });
  });

  it.each<[string, object, string]>([
    ["no pin", { mcp: { tool: "page-read" } }, "missing_key"],
    ["no digest for a pin", { mcp: { tool: "page-read", pin: "latest" } }, "bad_id"],
    ["a name of another alphabet", { mcp: { tool: "pаge", pin: PIN } }, "bad_id"],
    ["text for output", { output: { kind: "text", dataClass: "x" } }, "mcp_output"],
    ["a statement as well", { sql: {} }, "template_ambiguous"],
  ])("with %s is a mistake", async (_, over, code) => {
    expect(await mistakes(over)).toContain(`tools/pages_read.jsonc ${code}`);
  });

  it("may not be another destination's kind", async () => {
    const { mcp: _, ...rest } = TOOL;
    const http = { ...rest, mcp: undefined, http: { method: "GET", path: "/" } };
    expect(await mistakes(http)).toEqual(["tools/pages_read.jsonc kind_mismatch"]);
  });

  it.each<[string, object]>([
    ["id", { id: "page_sread", mcp: { tool: "other", pin: PIN } }],
    ["name at the server", { id: "other", mcp: { tool: "Page_Read", pin: PIN } }],
  ])("whose %s passes for another's shadows it", async (_, second) => {
    expect(await mistakes({}, second)).toEqual([expect.stringContaining("tool_confusable")]);
  });
});
