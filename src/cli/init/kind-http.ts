import { parseTemplate } from "../../connector/paths.ts";
import { addressesOf, type Answers, headersOf, originOf, originRule } from "./answers.ts";
import { toolId } from "./names.ts";
import type { KindPlan } from "./plan.ts";

/** An HTTP API: one GET of one path, and nothing else of the service. */
export function planHttp(answers: Answers, service: string): KindPlan {
  const origin = answers.text("origin", originRule("the service's, such as http://127.0.0.1:4010"));
  const path = answers.text("path", {
    // Nothing to fill in: the first tool has no arguments.
    fits: (value) => parseTemplate(value)?.every((segment) => segment !== null) === true,
    fix: "a path of plain segments that answers a GET, such as /status, without a query",
    fallback: "/",
  });
  const { headers, secrets } = headersOf(answers, service);
  return {
    tool: toolId(service, "read"),
    secrets,
    serverTool: null,
    values: {
      dataClass: `${service}.record`,
      dataTitle: `What ${service} tells`,
      origin: originOf(origin),
      addresses: addressesOf(answers),
      path,
      headers,
    },
  };
}
