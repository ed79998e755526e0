import type { JsonObject } from "../../core/model/json.ts";
import type { ToolListing } from "../../core/model/tool-listing.ts";
import type { Outcome } from "../../core/model/outcome.ts";
import type { Caller } from "../../gateway/call.ts";
import { mcpSurface } from "./surface.ts";

export interface SeenCall {
  readonly caller: Caller;
  readonly tool: string;
  readonly args: JsonObject;
  readonly usage: number | null;
  readonly waitMs: number | null;
  readonly cancelled: AbortSignal;
}

const LIST: JsonObject = { type: "array", items: { type: "string" } };

/** The surface over a gateway that answers from memory and remembers what reached it. */
export class Fixture {
  readonly calls: SeenCall[] = [];
  readonly faults: unknown[] = [];
  readonly asked: { readonly task: string; readonly most: number }[] = [];
  more: readonly ToolListing[] = [];
  answer: (seen: SeenCall) => Outcome | Promise<Outcome> = echo;

  readonly surface = mcpSurface({
    allowedOrigins: ["https://console.example"],
    ports: {
      callTool: async (caller, { tool, args, usage, waitMs, cancelled }) => {
        const seen = { caller, tool, args, usage, waitMs, cancelled };
        this.calls.push(seen);
        return this.answer(seen);
      },
      listTools: () => Promise.resolve([...LISTED, ...this.more]),
      findTools: (_caller, task, most) => {
        this.asked.push({ task, most });
        return Promise.resolve(LISTED.slice(0, 1));
      },
      outputSchema: (_caller, tool) =>
        LISTED.find(({ name }) => name === tool)?.outputSchema ?? null,
      fault: (error) => this.faults.push(error),
    },
  });

  fetchAs(caller: Caller): typeof fetch {
    return (input, init) => this.surface(new Request(input, init), caller);
  }
}

export const DANA: Caller = {
  tenant: "acme",
  workflow: "wf_1",
  seat: "seat_1",
  agent: "support-agent",
  human: "h",
};

function echo({ tool, args }: SeenCall): Outcome {
  const value = tool === "names_list" ? ["Ada", "Bo"] : { tool, args };
  return { outcome: "ok", call: "call_1", result: { kind: "json", value } };
}

export const LISTED = [
  {
    name: "customers_find",
    title: "Find a customer",
    description: "Finds one.",
    inputSchema: { type: "object", properties: { id: { type: "string" } } },
    outputSchema: { type: "object" },
    annotations: { readOnlyHint: true, destructiveHint: false },
  },
  {
    name: "names_list",
    title: "List names",
    description: "Lists them.",
    inputSchema: { type: "object" },
    outputSchema: LIST,
    annotations: { readOnlyHint: true, destructiveHint: false },
  },
] as const;
