import { OpenAPIHono } from "@hono/zod-openapi";
import { CALL_TOKEN_HEADER } from "../../../src/sdk/verify.ts";
import * as routes from "./routes.ts";

/**
 * The OpenAPI document of the ticket service, from the schemas its routes check requests with.
 * `node examples/acme/tickets/openapi.ts` prints it; `openapi.json` beside it is a copy that a test
 * keeps equal. It is not served: no path of this service answers without a call token.
 */
export function ticketsDocument(): object {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent("securitySchemes", "callToken", {
    type: "apiKey",
    in: "header",
    name: CALL_TOKEN_HEADER,
  });
  for (const route of Object.values(routes)) app.openAPIRegistry.registerPath(route);
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "Acme tickets", version: "1.0.0" },
  });
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(ticketsDocument(), null, 2)}\n`);
