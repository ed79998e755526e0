import { z } from "@hono/zod-openapi";

/** What tickets speaks; its OpenAPI document is made from these schemas. */
export const STATUSES = ["open", "waiting", "closed"] as const;
export type Status = (typeof STATUSES)[number];

export const NewTicket = z
  .strictObject({
    customerId: z.string().regex(/^cus_\d{6}$/),
    invoiceId: z
      .string()
      .regex(/^inv_\d{6}$/)
      .optional(),
    title: z.string().min(1).max(120),
    text: z.string().min(1).max(4_000),
    priority: z.enum(["low", "normal", "urgent"]).default("normal"),
  })
  .openapi("NewTicket");
export type NewTicket = z.infer<typeof NewTicket>;

export const Ticket = z
  .strictObject({
    id: z.string(),
    customerId: z.string(),
    invoiceId: z.string().nullable(),
    title: z.string(),
    text: z.string(),
    priority: z.string(),
    status: z.enum(STATUSES),
    openedAt: z.string(),
    openedBy: z.strictObject({ human: z.string(), agent: z.string(), workflow: z.string() }),
  })
  .openapi("Ticket");
export type Ticket = z.infer<typeof Ticket>;

export const TicketList = z.strictObject({ tickets: z.array(Ticket) }).openapi("TicketList");

export const StatusChange = z.strictObject({ status: z.enum(STATUSES) }).openapi("StatusChange");

/** RFC 9457. */
export const Problem = z
  .strictObject({ type: z.string(), title: z.string(), status: z.number(), code: z.string() })
  .openapi("Problem");
export type Problem = z.infer<typeof Problem>;
