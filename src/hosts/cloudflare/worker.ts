import { WorkerEntrypoint } from "cloudflare:workers";
import { json, problem } from "../../surfaces/rest/problem.ts";
import { configOf, type Env } from "./config.ts";
import { sessionName } from "./names.ts";
import { tenantOf, workflowOf } from "./route.ts";

export { SessionObject } from "./session.ts";
export { TenantObject } from "./tenant.ts";

/** Sends each request to the object that can judge it: a workflow's own, or its tenant's. */
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { tenants } = configOf(env);
    const { pathname } = new URL(request.url);
    if (pathname === "/healthz") return json({ status: "ok" });
    // The document is the same for all of them.
    const tenant = pathname === "/openapi.json" ? Object.keys(tenants)[0] : tenantOf(pathname);
    if (tenant === undefined || !Object.hasOwn(tenants, tenant)) return problem("not_found");
    const workflow = workflowOf(pathname, request.headers);
    const object =
      workflow === null
        ? env.TENANT.getByName(tenant)
        : env.SESSION.getByName(sessionName(tenant, workflow));
    try {
      return await object.fetch(request);
    } catch {
      // Its own text may name what it held.
      return problem("unavailable");
    }
  },
};

/** The admin operations. Only a binding leads here: whoever may make one owns the Worker already. */
export class Operator extends WorkerEntrypoint<Env> {
  async fetch(request: Request): Promise<Response> {
    const { tenants } = configOf(this.env);
    const { pathname } = new URL(request.url);
    if (pathname === "/tenants") return json({ tenants: Object.keys(tenants) });
    const tenant = /^\/tenants\/([^/]+)\//.exec(pathname)?.[1];
    if (tenant === undefined || !Object.hasOwn(tenants, tenant)) return problem("not_found");
    return this.env.TENANT.getByName(tenant).administer(request);
  }
}
