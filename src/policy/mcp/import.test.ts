import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../core/model/json.ts";
import { importMcp, type McpImport, type Offered, REFUSED_CODES } from "./import.ts";

const TARGET = { destination: "wiki", tier: "internal", dataClass: "wiki.record" } as const;

function offered(name: string, over: JsonObject = {}, shadowed = false): Offered {
  const definition = { name, description: "Reads.", inputSchema: { type: "object" }, ...over };
  return { definition, digest: "ab".repeat(32), shadowed };
}

function imported(...all: readonly Offered[]): McpImport {
  return importMcp(all, {}, TARGET);
}

describe("tools of an MCP server", () => {
  it("become files that nobody may call yet, closed and pinned", () => {
    const properties = { id: { type: "string" } };
    const { tools, refused } = imported(
      offered("pageRead", {
        title: "Read <b>a</b> page\u202e",
        annotations: { readOnlyHint: true },
        inputSchema: { $schema: "https://json-schema.org/x", type: "object", properties },
      }),
    );
    expect(refused).toEqual([]);
    expect(tools).toMatchObject([
      {
        id: "wiki_page_read",
        tool: {
          ...{ title: "Read a page", action: "read", tier: "internal", destination: "wiki" },
          review: ["title", "description", "action", "tier", "input", "output"],
          mcp: { tool: "pageRead", pin: "ab".repeat(32) },
          input: { type: "object", properties, additionalProperties: false },
          output: { kind: "mcp-content", dataClass: "wiki.record" },
        },
      },
    ]);
  });

  it("keep the name of their schema's dialect where it is ours", () => {
    const dialects = ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/x#"];
    const { tools } = imported(
      ...dialects.map(($schema, at) =>
        offered(`tool_${"ab"[at]}`, { inputSchema: { $schema, type: "object" } }),
      ),
    );
    const inputs = tools.map(({ tool }) => tool["input"] as JsonObject);
    expect(inputs.map(({ $schema }) => $schema)).toEqual([dialects[0], undefined]);
  });

  it("say which arguments bring the rest of a list, as far as names tell, where they read", () => {
    const inputSchema = {
      type: "object",
      properties: {
        cursor: { type: "string" },
        path: { type: "string" },
        limit: { type: "integer" },
      },
    };
    const reads = offered("list", { inputSchema, annotations: { readOnlyHint: true } });
    const [list, run] = imported(reads, offered("run", { inputSchema })).tools;
    expect(list?.tool).toMatchObject({ paging: ["cursor", "limit"] });
    expect(list?.tool["review"]).toContain("paging");
    expect(run?.tool).not.toHaveProperty("paging");
    expect(run?.tool["review"]).not.toContain("paging");
  });

  it("do more than read, unless they say so, which a person confirms", () => {
    expect(imported(offered("x"), offered("y", { annotations: {} })).tools).toMatchObject([
      { tool: { action: "execute" } },
      { tool: { action: "execute" } },
    ]);
  });

  it.each<[string, readonly Offered[], string, number]>([
    ["a name of another alphabet", [offered("rеad")], "name_unsupported", 0],
    ["a name that the server has twice", [offered("read", {}, true)], "name_shadowed", 0],
    ["an id that another name has", [offered("readFile"), offered("read_file")], "id_taken", 1],
    ["an id that passes for another", [offered("list_1"), offered("list_l")], "id_confusable", 1],
    [
      "a schema that nobody would check",
      [offered("x", { inputSchema: { type: "object", unevaluatedProperties: false } })],
      "schema_unsupported",
      0,
    ],
    [
      "an argument that would travel in a header",
      [
        offered("x", {
          inputSchema: {
            type: "object",
            properties: { a: { type: "string", "x-mcp-header": "A" } },
          },
        }),
      ],
      "schema_unsupported",
      0,
    ],
  ])("with %s are refused", (_, all, code, others) => {
    const { tools, refused } = imported(...all);
    expect(refused).toMatchObject([{ code }]);
    expect(tools).toHaveLength(others);
  });

  it("do not take the id of a tool that the bundle has for something else", () => {
    const files = { "tools/wiki_read.jsonc": '{ "id": "wiki_read", "destination": "desk" }' };
    expect(importMcp([offered("read")], files, TARGET).refused).toEqual([
      { code: "id_taken", tool: "read" },
    ]);
  });

  it("are refused with these words", () => {
    expect(REFUSED_CODES).toEqual([
      "name_unsupported",
      "name_shadowed",
      "id_taken",
      "id_confusable",
      "schema_unsupported",
    ]);
  });
});
