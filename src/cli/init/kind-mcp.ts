import { isAbsolute } from "node:path";
import { MCP_TOOL_NAME } from "../../core/model/operation.ts";
import { addressesOf, type Answers, headersOf, wordsOf } from "./answers.ts";
import type { KindPlan } from "./plan.ts";

/** An MCP server: one of its tools, pinned to what the server says of it now. */
export function planMcp(answers: Answers, service: string): KindPlan {
  const tool = answers.text("tool", {
    fits: (value) => MCP_TOOL_NAME.test(value),
    fix: "a tool of the server that only reads, as the server names it",
  });
  const command = wordsOf(answers, "command");
  if (command !== null && !isAbsolute(command[0] ?? "")) {
    answers.problem("command", "needs the whole path of the server's program");
  }
  const url = answers.given("url") ?? null;
  if ((url === null) === (command === null)) {
    answers.problem("url", "or --command says where the server is, and not both");
  }
  const { headers, secrets } = headersOf(answers, service);
  return {
    // The import says what it is called here, once the server has said what it is.
    tool: "",
    secrets,
    serverTool: tool,
    values: {
      dataClass: `${service}.record`,
      dataTitle: `What ${service} tells`,
      url,
      command,
      addresses: addressesOf(answers),
      headers,
      serverTool: tool,
      toolTitle: `${tool} of ${service}`,
      toolDescription: `Asks the tool ${tool} of ${service}.`,
    },
  };
}
