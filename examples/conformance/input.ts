import { randomBytes } from "node:crypto";
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  type InputRequest,
  type InputRequests,
  type ServerContext as Context,
} from "@modelcontextprotocol/server";
import { type Result, type SuiteTool, type SuiteTools, text } from "./tool.ts";

/** What a client carries back and forth is signed: it comes from outside. */
export const STATE = createRequestStateCodec<string>({ key: randomBytes(32) });

const NAME = elicit("What is your name?", "name");
const CONFIRM = inputRequired.elicit({
  message: "Please confirm",
  requestedSchema: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] },
});
const ROOTS = inputRequired.listRoots();

/** Tools that ask for input by their result, as revision 2026-07-28 has it. */
export const INPUT_TOOLS: SuiteTools = {
  test_input_required_result_elicitation: {
    description: "Asks for a name first.",
    run({ mcpReq }) {
      const given = acceptedContent(mcpReq.inputResponses, "user_name")?.["name"];
      if (typeof given === "string") return text(`Hello, ${given}!`);
      return inputRequired({ inputRequests: { user_name: NAME } });
    },
  },
  test_input_required_result_sampling: asks("Asks a model first.", {
    capital_question: sample("What is the capital of France?"),
  }),
  test_input_required_result_list_roots: asks("Asks for roots first.", { client_roots: ROOTS }),
  test_input_required_result_request_state: stated("Remembers by its client.", {
    confirm: CONFIRM,
  }),
  test_input_required_result_tampered_state: stated("Notices other people's words.", {
    confirm: CONFIRM,
  }),
  test_input_required_result_multiple_inputs: stated("Asks three things at a time.", {
    user_name: NAME,
    greeting: sample("Generate a greeting"),
    client_roots: ROOTS,
  }),
  test_input_required_result_multi_round: {
    description: "Asks twice.",
    async run(context) {
      const round = context.mcpReq.requestState<string>();
      if (round === "second") return text("Done.");
      return round === "first" && answered(context, ["step1"])
        ? stateful({ step2: elicit("Step 2: What is your favorite color?", "color") }, "second")
        : stateful({ step1: elicit("Step 1: What is your name?", "name") }, "first");
    },
  },
  test_input_required_result_capabilities: {
    description: "Asks for what its client can do.",
    run({ mcpReq }) {
      const envelope: { readonly [key: string]: object } = mcpReq.envelope ?? {};
      const known = envelope[CLIENT_CAPABILITIES_META_KEY] ?? {};
      const inputRequests = {
        ...("elicitation" in known && { user_name: NAME }),
        ...("sampling" in known && { greeting: sample("Generate a greeting") }),
        ...("roots" in known && { client_roots: ROOTS }),
      };
      if (Object.keys(inputRequests).length === 0) return text("There is nobody to ask.");
      return inputRequired({ inputRequests });
    },
  },
};

function asks(description: string, inputRequests: InputRequests): SuiteTool {
  return {
    description,
    run: (context) =>
      answered(context, Object.keys(inputRequests))
        ? text(JSON.stringify(context.mcpReq.inputResponses))
        : inputRequired({ inputRequests }),
  };
}

function stated(description: string, inputRequests: InputRequests): SuiteTool {
  return {
    description,
    async run(context) {
      const known = context.mcpReq.requestState<string>() === "asked";
      return known && answered(context, Object.keys(inputRequests))
        ? text("state-ok")
        : stateful(inputRequests, "asked");
    },
  };
}

async function stateful(inputRequests: InputRequests, state: string): Promise<Result> {
  return inputRequired({ inputRequests, requestState: await STATE.mint(state) });
}

function answered({ mcpReq }: Context, keys: readonly string[]): boolean {
  return keys.every((key) => inputResponse(mcpReq.inputResponses, key).kind !== "missing");
}

function elicit(message: string, name: string): InputRequest {
  const properties = { [name]: { type: "string" as const } };
  return inputRequired.elicit({
    message,
    requestedSchema: { type: "object", properties, required: [name] },
  });
}

function sample(question: string): InputRequest {
  return inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: question } }],
    maxTokens: 100,
  });
}
