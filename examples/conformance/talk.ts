import { setTimeout as after } from "node:timers/promises";
import type {
  ElicitRequestFormParams,
  ServerContext as Context,
} from "@modelcontextprotocol/server";
import { type Result, type SuiteTools, text } from "./tool.ts";

/** The suite wants to see messages arrive apart from each other. */
const APART_MS = 50;

/** Tools that talk to their client while they work, as revision 2025-11-25 has it. */
export const TALKING_TOOLS: SuiteTools = {
  test_tool_with_logging: {
    description: "Logs three messages while it works.",
    async run({ mcpReq }) {
      for (const step of ["started", "processing data", "completed"]) {
        await mcpReq.log("info", `Tool execution ${step}`);
        await after(APART_MS);
      }
      return text("Logged.");
    },
  },
  test_logging_tool: {
    description: "Logs where its client asks for it.",
    async run({ mcpReq }) {
      await mcpReq.log("info", "Tool execution started");
      return text("Done.");
    },
  },
  test_tool_with_progress: {
    description: "Says three times how far it is.",
    async run({ mcpReq }) {
      const progressToken = mcpReq._meta?.progressToken;
      for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
        const params = { progressToken, progress, total: 100 };
        await mcpReq.notify({ method: "notifications/progress", params });
        await after(APART_MS);
      }
      return text("Done.");
    },
  },
  test_sampling: {
    description: "Asks the model of its client.",
    properties: { prompt: { type: "string" } },
    async run({ mcpReq }, { prompt }) {
      const { content } = await mcpReq.requestSampling({
        messages: [{ role: "user", content: { type: "text", text: String(prompt) } }],
        maxTokens: 100,
      });
      return text(`LLM response: ${JSON.stringify(content)}`);
    },
  },
  test_elicitation: {
    description: "Asks the user of its client.",
    properties: { message: { type: "string" } },
    run: (context, { message }) =>
      elicited(context, String(message), {
        username: { type: "string", description: "User's response" },
        email: { type: "string", description: "User's email address" },
      }),
  },
  test_elicitation_sep1034_defaults: {
    description: "Asks the user, and says what it takes for granted.",
    run: (context) =>
      elicited(context, "Please check", {
        name: { type: "string", default: "John Doe" },
        age: { type: "integer", default: 30 },
        score: { type: "number", default: 95.5 },
        status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
        verified: { type: "boolean", default: true },
      }),
  },
  test_elicitation_sep1330_enums: {
    description: "Asks the user to choose, in five ways.",
    run: (context) =>
      elicited(context, "Please choose", {
        untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
        titledSingle: { type: "string", oneOf: titled("value", "Option") },
        legacyEnum: {
          type: "string",
          enum: ["opt1", "opt2", "opt3"],
          enumNames: ["Option One", "Option Two", "Option Three"],
        },
        untitledMulti: {
          type: "array",
          items: { type: "string", enum: ["option1", "option2", "option3"] },
        },
        titledMulti: { type: "array", items: { anyOf: titled("value", "Choice") } },
      }),
  },
};

type Properties = ElicitRequestFormParams["requestedSchema"]["properties"];

async function elicited(
  { mcpReq }: Context,
  message: string,
  properties: Properties,
): Promise<Result> {
  const requestedSchema = { type: "object" as const, properties };
  const { action, content } = await mcpReq.elicitInput({ mode: "form", message, requestedSchema });
  return text(
    `Elicitation completed: action=${action}, content=${JSON.stringify(content ?? null)}`,
  );
}

function titled(value: string, title: string): { const: string; title: string }[] {
  return ["First", "Second", "Third"].map((nth, at) => ({
    const: `${value}${at + 1}`,
    title: `${nth} ${title}`,
  }));
}
