import { type Context, Hono } from "hono";
import type { Caller } from "../../gateway/call.ts";
import { AuditUnavailable, type Gateway } from "../../gateway/ports.ts";
import { lookedUp } from "../../gateway/record.ts";
import { raiseMisplaced } from "../../gateway/signal.ts";
import { SUSPICION_MESSAGES, type SuspicionCode } from "../../identity/suspicion.ts";
import type { OwnTokens } from "../authzen/call-token.ts";
import { evaluation } from "../authzen/door.ts";
import * as approvals from "./approvals.ts";
import type { ApprovalsDoor } from "./approvals.ts";
import * as crowd from "./crowd.ts";
import { json, problem } from "./problem.ts";
import { receiveSecurityEvent, type SecurityEventsDoor } from "./security-events.ts";
import * as undo from "./undo.ts";
import * as workflows from "./workflows.ts";

/** What the surface asks of identity, for one tenant. Verified or a challenge, nothing between. */
export type Authentication =
  | { readonly ok: true; readonly caller: Caller }
  | {
      readonly ok: false;
      readonly status: 401 | 403 | 503;
      readonly headers: Readonly<Record<string, string>>;
      /** What was suspicious about it, on evidence that only its presenter has; null: nothing. */
      readonly suspicion: SuspicionCode | null;
    };

/** What one workflow's own requests need. */
export interface WorkflowDoor {
  /** True: the request may begin, now or when it is its turn. False: too many of this tenant wait. */
  turn(request: Request): boolean | Promise<boolean>;
  authenticate(request: Request): Promise<Authentication>;
  mcp(request: Request, caller: Caller): Promise<Response>;
  /** The gateway's own call tokens, where they come back to it. */
  readonly ownTokens: Omit<OwnTokens, "gateway">;
}

export interface TenantDoor extends WorkflowDoor {
  /** RFC 8693 at `/oauth/token`. */
  exchange(request: Request): Promise<Response>;
  /** The same operation as JSON at `/v1/workflows`. */
  open(request: Request): Promise<Response>;
  enrol(request: Request): Promise<Response>;
  /** Null: this tenant takes no security events. */
  readonly events: SecurityEventsDoor | null;
  readonly approvals: ApprovalsDoor;
  /** Call-token verification keys, of this moment. */
  jwks(): unknown;
  readonly protectedResource: unknown;
  readonly authorizationServer: unknown;
}

export interface WorkflowHost<Door extends WorkflowDoor = WorkflowDoor> {
  readonly gateway: Gateway;
  /** Undefined: no such tenant. */
  tenant(name: string): Door | undefined;
  /** Says that a request ended in an error of ours: an id, no values. */
  log(line: {
    readonly event: "request.failed";
    readonly method: string;
    readonly route: string;
  }): void;
}

export interface RestHost extends WorkflowHost<TenantDoor> {
  readonly openapi: unknown;
}

/** Everything that this gateway serves. */
export function restSurface(host: RestHost): Hono {
  const app = workflowSurface(host);
  app.get("/healthz", () => json({ status: "ok" }));
  app.get("/openapi.json", () => json(host.openapi));

  const tenant = atTenant(host);

  app.get(
    "/.well-known/oauth-protected-resource/:tenant/mcp",
    tenant((door) => json(door.protectedResource)),
  );
  app.get(
    "/.well-known/oauth-authorization-server/:tenant",
    tenant((door) => json(door.authorizationServer)),
  );
  app.get(
    "/:tenant/jwks",
    tenant((door) => json(door.jwks())),
  );
  app.post(
    "/:tenant/oauth/token",
    tenant((door, context) => door.exchange(context.req.raw)),
  );
  app.post(
    "/:tenant/v1/connectors/enroll",
    tenant((door, context) => door.enrol(context.req.raw)),
  );
  app.post(
    "/:tenant/v1/events",
    tenant((door, context) => receiveSecurityEvent(door.events, context.req.raw)),
  );
  app.post(
    "/:tenant/v1/workflows",
    tenant((door, context) => door.open(context.req.raw)),
  );

  app.get(
    "/:tenant/approvals/:approval",
    tenant((door) => approvals.page(door.approvals.exchange.tenant)),
  );
  app.get(
    "/:tenant/v1/approvals/sign-in",
    tenant((door) => approvals.signIn(door.approvals)),
  );
  app.get(
    "/:tenant/v1/approvals",
    tenant((door, context) => approvals.list(door.approvals, context.req.raw)),
  );
  app.get(
    "/:tenant/v1/approvals/:approval",
    tenant((door, context) =>
      approvals.show(door.approvals, context.req.raw, context.req.param("approval") ?? ""),
    ),
  );
  app.post(
    "/:tenant/v1/approvals/:approval/decision",
    tenant((door, context) =>
      approvals.decide(door.approvals, context.req.raw, context.req.param("approval") ?? ""),
    ),
  );
  return app;
}

/** What an agent asks of its own workflow, over REST, MCP and AuthZEN. */
export function workflowSurface(host: WorkflowHost): Hono {
  const app = new Hono();
  const tenant = atTenant(host);

  app.all(
    "/:tenant/mcp",
    tenant(async (door, context) => {
      const authentication = await door.authenticate(context.req.raw);
      if (!authentication.ok) return unauthenticated(authentication);
      return door.mcp(context.req.raw, authentication.caller);
    }, crowd.protocolError),
  );

  app.post(
    "/:tenant/access/v1/evaluation",
    tenant((door, context) => {
      const { gateway } = host;
      const authenticate = async (request: Request): Promise<Caller | Response> => {
        const authentication = await door.authenticate(request);
        return authentication.ok ? authentication.caller : unauthenticated(authentication);
      };
      return evaluation({ ...door.ownTokens, gateway, authenticate }, context.req.raw);
    }),
  );

  const workflow = (
    handle: (typeof workflows)["showWorkflow"],
    crowded?: (gateway: Gateway) => Response,
  ) =>
    tenant(async (door, context) => {
      const authentication = await door.authenticate(context.req.raw);
      if (!authentication.ok) return unauthenticated(authentication);
      const { caller } = authentication;
      // Another workflow's name and an invented one look the same (P7).
      if (context.req.param("workflow") !== caller.workflow) {
        await raiseMisplaced(host.gateway, caller);
        return problem("not_found", { refusal: suspect("context_mismatch") });
      }
      const session = await lookedUp(host.gateway, caller);
      if (session === null) return problem("not_found");
      return handle(context, { gateway: host.gateway, caller, session });
    }, crowded);

  const base = "/:tenant/v1/workflows/:workflow";
  app.get(base, workflow(workflows.showWorkflow));
  app.get(`${base}/tools`, workflow(workflows.showTools));
  app.post(`${base}/calls`, workflow(workflows.makeCall, crowd.busy));
  app.get(`${base}/calls/:call`, workflow(workflows.showCall));
  app.get(`${base}/events`, workflow(workflows.listEvents));
  app.get(`${base}/checkpoint`, workflow(workflows.getCheckpoint));
  app.put(`${base}/checkpoint`, workflow(workflows.putCheckpoint));
  app.post(`${base}/usage`, workflow(workflows.reportUsage));
  app.get(`${base}/undo`, workflow(undo.showPlan));
  app.post(`${base}/undo`, workflow(undo.takeBack));
  app.post(`${base}/close`, workflow(workflows.closeWorkflow));

  app.notFound(() => problem("not_found"));
  app.onError((error, context) => {
    if (error instanceof AuditUnavailable) return problem("unavailable");
    host.log({ event: "request.failed", method: context.req.method, route: context.req.routePath });
    return problem("internal_error");
  });
  return app;
}

function atTenant<Door extends WorkflowDoor>(host: WorkflowHost<Door>) {
  return (
    handle: (door: Door, context: Context) => Response | Promise<Response>,
    crowded: (gateway: Gateway) => Response = crowd.unavailable,
  ) =>
    async (context: Context): Promise<Response> => {
      const door = host.tenant(context.req.param("tenant") ?? "");
      if (door === undefined) return problem("not_found");
      const turn = door.turn(context.req.raw);
      if (turn === true || (await turn)) return handle(door, context);
      return crowd.hangUp(crowded(host.gateway));
    };
}

function unauthenticated(refusal: Extract<Authentication, { ok: false }>): Response {
  const code =
    refusal.status === 401
      ? "unauthenticated"
      : refusal.status === 403
        ? "forbidden"
        : "unavailable";
  const { headers, suspicion } = refusal;
  return problem(code, { headers, ...(suspicion && { refusal: suspect(suspicion) }) });
}

function suspect(code: SuspicionCode) {
  return { code, message: SUSPICION_MESSAGES[code], ruleIds: [] };
}
