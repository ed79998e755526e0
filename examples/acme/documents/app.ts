import { Hono } from "hono";
import { z } from "zod";
import { callTokenFor, problem, type Governed, type Trust } from "../guard.ts";
import type { PageIndex } from "./index.ts";

/** docs/protocol/search.md */
const Search = z.strictObject({
  query: z.string().min(1).max(8_192),
  topK: z.number().int().min(1).max(100),
  mode: z.literal("text"),
  filter: z.strictObject({
    tenant: z.string().min(1).max(64),
    classes: z.array(z.string().max(64)).max(100),
  }),
});

/** Acme's document service: full text over the library, for whoever comes with a call token. */
export function documentsApp(index: PageIndex, trust: Trust): Hono<Governed> {
  const app = new Hono<Governed>();
  app.use("/search", callTokenFor("documents_search", trust));
  // Whatever has no tool has no caller either: the same refusal, so that nothing can be probed.
  app.notFound((context) =>
    problem(context, 401, "token_missing", "The request carries no Txn-Token header."),
  );
  app.onError((_, context) => problem(context, 500, "internal_error", "Something went wrong."));

  app.post("/search", async (context) => {
    const asked = Search.safeParse(await context.req.json().catch(() => null));
    if (!asked.success) {
      return problem(context, 400, "request_invalid", "The request does not fit its schema.");
    }
    // Of two words about the tenant the signed one counts.
    if (asked.data.filter.tenant !== context.var.call.claims.tctx.tenant) {
      return problem(context, 403, "tenant_mismatch", "The filter names another tenant.");
    }
    return context.json({ rows: index.search(asked.data) });
  });
  return app;
}
