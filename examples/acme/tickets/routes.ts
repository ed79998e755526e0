import { createRoute, z } from "@hono/zod-openapi";
import { NewTicket, Problem, STATUSES, StatusChange, Ticket, TicketList } from "./model.ts";

const json = <T extends z.ZodType>(schema: T): { "application/json": { schema: T } } => ({
  "application/json": { schema },
});
const refused = {
  description: "Refused; nothing happened.",
  content: { "application/problem+json": { schema: Problem } },
};
const oneTicket = { description: "The ticket.", content: json(Ticket) };
const refusals = { 400: refused, 401: refused, 404: refused };

const params = z.strictObject({ ticketId: z.string().regex(/^tkt_[0-9a-f]{12}$/) });
const security = [{ callToken: [] }];

export const createTicket = createRoute({
  method: "post",
  path: "/tickets",
  operationId: "tickets_create",
  security,
  request: { body: { required: true, content: json(NewTicket) } },
  responses: { 201: oneTicket, ...refusals },
});

export const listTickets = createRoute({
  method: "get",
  path: "/tickets",
  operationId: "tickets_list",
  security,
  request: {
    query: z.strictObject({
      status: z.enum(STATUSES).optional(),
      limit: z.coerce.number().int().min(1).max(100).default(20),
    }),
  },
  responses: { 200: { description: "Latest first.", content: json(TicketList) }, ...refusals },
});

export const getTicket = createRoute({
  method: "get",
  path: "/tickets/{ticketId}",
  operationId: "tickets_get",
  security,
  request: { params },
  responses: { 200: oneTicket, ...refusals },
});

export const setStatus = createRoute({
  method: "patch",
  path: "/tickets/{ticketId}",
  operationId: "tickets_set_status",
  security,
  request: { params, body: { required: true, content: json(StatusChange) } },
  responses: { 200: oneTicket, ...refusals },
});
