import { randomBytes } from "node:crypto";
import { Hono } from "hono";
import { z } from "zod";
import { callTokenFor, type Governed, problem, type Trust } from "../guard.ts";

const NewDeploy = z.strictObject({
  service: z.enum(["billing", "tickets", "website"]),
  version: z.string().regex(/^\d{1,4}\.\d{1,4}\.\d{1,4}$/),
});

/** Keys remembered: a client that gives up waits hours, not days. */
const MAX_KEYS = 1_000;

/** Acme's deploy service. Whoever sends the same key again gets the same deploy, not a second one. */
export function deploysApp(trust: Trust): Hono<Governed> {
  const started = new Map<string, object>();
  const app = new Hono<Governed>();
  app.on("POST", "/deploys", callTokenFor("deploys_start", trust));
  app.post("/deploys", async (context) => {
    const body = NewDeploy.safeParse(await context.req.json().catch(() => null));
    if (!body.success) return problem(context, 400, "request_invalid", "Not a deploy.");
    const key = context.req.header("idempotency-key") ?? randomBytes(8).toString("hex");
    const known = started.get(key);
    if (known !== undefined) return context.json(known, 201);
    const id = `dep_${randomBytes(6).toString("hex")}`;
    const deploy = { id, ...body.data, startedBy: context.var.call.agent };
    if (started.size >= MAX_KEYS) started.delete(started.keys().next().value!);
    started.set(key, deploy);
    return context.json(deploy, 201);
  });
  app.notFound((context) =>
    problem(context, 401, "token_missing", "The request carries no Txn-Token header."),
  );
  app.onError((_, context) => problem(context, 500, "internal_error", "Something went wrong."));
  return app;
}
