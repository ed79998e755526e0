import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { callTokenFor, problem, type Governed, type Trust } from "../guard.ts";
import * as routes from "./routes.ts";
import type { TicketStore } from "./store.ts";

/** Which tool of the bundle each operation belongs to. */
const TOOLS = [
  ["POST", "/tickets", "tickets_create"],
  ["GET", "/tickets", "tickets_list"],
  ["GET", "/tickets/:ticketId", "tickets_get"],
  ["PATCH", "/tickets/:ticketId", "tickets_set_status"],
] as const;

/** Acme's ticket service. `leak` is the mistake that the demo's thief lives on; see leak.ts. */
export function ticketsApp(
  store: TicketStore,
  trust: Trust,
  leak: MiddlewareHandler | null = null,
): OpenAPIHono<Governed> {
  const app = new OpenAPIHono<Governed>({
    defaultHook: (result, context) =>
      result.success
        ? undefined
        : problem(context, 400, "request_invalid", "The request does not fit its schema."),
  });
  if (leak !== null) app.use(leak);
  for (const [method, path, tool] of TOOLS) app.on(method, path, callTokenFor(tool, trust));
  // Whatever has no tool has no caller either: the same refusal, so that nothing can be probed.
  app.notFound((context) =>
    problem(context, 401, "token_missing", "The request carries no Txn-Token header."),
  );
  app.onError((_, context) => problem(context, 500, "internal_error", "Something went wrong."));

  app.openapi(routes.createTicket, (context) => {
    const { human, agent, workflow } = context.var.call;
    const by = { human, agent, workflow };
    return context.json(store.create(context.req.valid("json"), by, new Date()), 201);
  });
  app.openapi(routes.listTickets, (context) => {
    const { status, limit } = context.req.valid("query");
    return context.json({ tickets: store.list(status, limit) }, 200);
  });
  app.openapi(routes.getTicket, (context) => {
    const ticket = store.find(context.req.valid("param").ticketId);
    return ticket === null ? noSuchTicket(context) : context.json(ticket, 200);
  });
  app.openapi(routes.setStatus, (context) => {
    const { status } = context.req.valid("json");
    const ticket = store.setStatus(context.req.valid("param").ticketId, status);
    return ticket === null ? noSuchTicket(context) : context.json(ticket, 200);
  });
  return app;
}

function noSuchTicket(context: Context): ReturnType<typeof problem<404>> {
  return problem(context, 404, "ticket_unknown", "There is no such ticket.");
}
