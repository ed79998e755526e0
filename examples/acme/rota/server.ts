import { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

/**
 * Who is on call: an MCP server over stdio as any team has one, started by the connector. It knows
 * nothing of Postern, asks nobody for a token, and gives a phone number with every answer.
 */
const ROTA = {
  billing: { person: "Femke de Vries", phone: "+31 20 555 0142", until: "2026-03-02T08:00:00Z" },
  tickets: { person: "Ravi Menon", phone: "+44 20 7946 0991", until: "2026-03-03T08:00:00Z" },
  deploys: { person: "Inés Olmedo", phone: "+34 91 555 0117", until: "2026-03-02T18:00:00Z" },
} as const;
const team = z.enum(["billing", "tickets", "deploys"]);

const server = new McpServer({ name: "acme-rota", version: "1.0.0" });
server.registerTool(
  "on_call",
  {
    title: "Who is on call",
    description: "Says who is on call for a team at Acme, and until when.",
    inputSchema: z.object({ team }),
    outputSchema: z.object({ person: z.string(), phone: z.string(), until: z.string() }),
    annotations: { readOnlyHint: true },
  },
  ({ team: asked }) => {
    const shift = { ...ROTA[asked] };
    return {
      content: [{ type: "text", text: JSON.stringify(shift) }],
      structuredContent: shift,
    };
  },
);
await server.connect(new StdioServerTransport());
