import { Hono } from "hono";
import { isObject, type JsonObject } from "../../core/model/json.ts";
import { type Tier, TIERS } from "../../core/model/policy.ts";
import { readJson } from "../rest/body.ts";
import { json, problem } from "../rest/problem.ts";
import { drainConnector, removeConnector, rotateConnector } from "./connectors.ts";
import { rotateKeys } from "./keys.ts";
import { addLock, removeLock } from "./locks.ts";
import type { Administration } from "./ports.ts";
import { listInventory, quarantineTool, showTool } from "./tools.ts";

/** A bundle is text that people write; more than this is something else. */
const MAX_BUNDLE_BYTES = 16 * 1_024 * 1_024;
/** A join code that lies around is a key that lies around. */
const MAX_JOIN_LIFE_MS = 24 * 60 * 60 * 1_000;
const DEFAULT_JOIN_LIFE_MS = 15 * 60 * 1_000;
const MAX_PAGE = 1_000;
/** Twice what a tool's name may have: a typing mistake is answered, too. */
const MAX_TOOL_CHARS = 128;
const NAME = /^[a-z][a-z0-9-]{0,63}$/;

/**
 * The admin operations, one for each CLI verb. Served on a Unix socket with mode 0600 inside the data
 * folder: who can open it owns the record already.
 */
export function adminSurface(admin: Administration): Hono {
  const root = new Hono();
  root.get("/tenants", () => json({ tenants: admin.tenants }));
  const app = root.basePath("/tenants/:tenant");
  app.use("*", async (context, next) => {
    if (!admin.tenants.includes(context.req.param("tenant") ?? "")) return problem("not_found");
    return next();
  });

  app.post("/bundles/activate", async (context) => {
    const body = await readJson(context.req.raw, MAX_BUNDLE_BYTES);
    if (!body.ok) return problem(body.problem);
    const files = isObject(body.value) ? textFiles(body.value["files"]) : null;
    if (files === null) return problem("invalid_request", { at: ["/files"] });
    const activation = await admin.activateBundle(context.req.param("tenant"), files);
    return json(activation, activation.ok ? 200 : 422);
  });

  app.post("/join-codes", async (context) => {
    const body = await readJson(context.req.raw);
    if (!body.ok) return problem(body.problem);
    const scope = isObject(body.value) ? joinScope(body.value) : null;
    if (scope === null) return problem("invalid_request", { at: ["/network", "/tier", "/lifeMs"] });
    return json(await admin.createJoinCode(context.req.param("tenant"), scope), 201);
  });

  app.get("/connectors", (context) =>
    json({ connectors: admin.listConnectors(context.req.param("tenant")) }),
  );

  app.post("/connectors/:connector/drain", (context) => drainConnector(admin, context.req.param()));
  app.post("/connectors/:connector/rotate", (context) =>
    rotateConnector(admin, context.req.param()),
  );
  app.delete("/connectors/:connector", (context) => removeConnector(admin, context.req.param()));

  app.post("/locks", (context) => addLock(admin, context.req.param("tenant"), context.req.raw));

  app.get("/locks", (context) => {
    const list = admin.listLocks(context.req.param("tenant"));
    return list === null ? problem("unavailable") : json(list);
  });

  app.get("/locks/:lock", (context) => {
    const { tenant, lock } = context.req.param();
    const found = admin.showLock(tenant, lock);
    return found === null ? problem("not_found") : json(found);
  });

  app.delete("/locks/:lock", (context) => {
    const { tenant, lock } = context.req.param();
    return removeLock(admin, tenant, lock);
  });

  app.get("/trust", (context) => {
    const trust = admin.showTrust(context.req.param("tenant"));
    return trust === null ? problem("conflict") : json(trust);
  });

  app.get("/trust/who-can", (context) => {
    const tool = context.req.query("tool") ?? "";
    if (tool === "" || tool.length > MAX_TOOL_CHARS) {
      return problem("invalid_request", { at: ["/tool"] });
    }
    const answer = admin.whoCan(context.req.param("tenant"), tool);
    return answer === null ? problem("conflict") : json(answer);
  });

  app.get("/tools", (context) => listInventory(admin, context.req.param("tenant")));

  app.get("/tools/:tool", (context) => showTool(admin, context.req.param()));

  app.post("/tools/:tool/quarantine", (context) =>
    quarantineTool(admin, context.req.param(), context.req.raw),
  );

  app.get("/keys", (context) => json({ keys: admin.listKeys(context.req.param("tenant")) }));

  app.post("/keys/rotate", (context) =>
    rotateKeys(admin, context.req.param("tenant"), context.req.raw),
  );

  app.get("/workflows", (context) =>
    json({ workflows: admin.listWorkflows(context.req.param("tenant"), MAX_PAGE) }),
  );

  app.get("/workflows/:workflow/events", async (context) => {
    const { tenant, workflow } = context.req.param();
    const after = Number(context.req.query("after") ?? -1);
    if (!Number.isSafeInteger(after)) return problem("invalid_request", { at: ["/after"] });
    const events = await admin.events(tenant, workflow, after, MAX_PAGE);
    return json({ events, next: events.length === MAX_PAGE ? events.at(-1)?.event.seq : null });
  });

  app.get("/calls/:call", async (context) => {
    const { tenant, call } = context.req.param();
    const report = await admin.showCall(tenant, call);
    return report === null ? problem("not_found") : json(report);
  });

  root.notFound(() => problem("not_found"));
  root.onError(() => problem("internal_error"));
  return root;
}

function textFiles(value: unknown): Record<string, string> | null {
  if (!isObject(value)) return null;
  const entries = Object.entries(value);
  return entries.every((entry): entry is [string, string] => typeof entry[1] === "string")
    ? Object.fromEntries(entries)
    : null;
}

function joinScope(value: JsonObject): { network: string; tier: Tier; lifeMs: number } | null {
  const { network, tier: wanted, lifeMs = DEFAULT_JOIN_LIFE_MS } = value;
  const tier = TIERS.find((one) => one === wanted);
  if (typeof network !== "string" || !NAME.test(network) || tier === undefined) return null;
  if (typeof lifeMs !== "number" || !(lifeMs > 0 && lifeMs <= MAX_JOIN_LIFE_MS)) return null;
  return { network, tier, lifeMs };
}
