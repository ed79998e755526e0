import { describe, expect, it } from "vitest";
import { FAILURE_MESSAGES } from "../../core/model/outcome-message.ts";
import { NEW_WORKFLOW } from "../../core/session/state.ts";
import type { Gateway } from "../../gateway/ports.ts";
import { ADMIN_OPERATIONS } from "../admin/operations.ts";
import { adminSurface } from "../admin/app.ts";
import type { Administration } from "../admin/ports.ts";
import { restSurface, type TenantDoor } from "./app.ts";
import { MAX_BODY_BYTES, readJson, readText } from "./body.ts";
import { openApiDocument, OPERATIONS } from "./openapi.ts";
import { problem, PROBLEMS } from "./problem.ts";

const refused: TenantDoor["authenticate"] = () =>
  Promise.resolve({
    ok: false,
    status: 401,
    headers: { "www-authenticate": "Bearer x" },
    suspicion: null,
  });

function app(door: Partial<TenantDoor> = {}, gateway = {} as Gateway) {
  const logged: unknown[] = [];
  const surface = restSurface({
    gateway,
    tenant: (name) =>
      name === "acme"
        ? ({ turn: () => true, authenticate: refused, ...door } as TenantDoor)
        : undefined,
    openapi: {},
    log: (line) => logged.push(line),
  });
  return {
    logged,
    ask: (path: string, init?: RequestInit) => surface.request(path, init),
    surface,
  };
}

describe("problems", () => {
  it("have these codes and statuses, and no others", () => {
    const pinned = Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]);
    expect(Object.fromEntries(pinned)).toEqual({
      malformed_json: 400,
      invalid_request: 400,
      unauthenticated: 401,
      sign_in_required: 401,
      forbidden: 403,
      not_found: 404,
      method_not_allowed: 405,
      conflict: 409,
      body_too_large: 413,
      unsupported_media_type: 415,
      idempotency_conflict: 422,
      internal_error: 500,
      unavailable: 503,
    });
  });

  it("are RFC 9457 documents that nobody caches", async () => {
    const answer = problem("not_found", { at: ["/x"] });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await answer.json()).toMatchObject({
      type: "urn:postern:problem:not_found",
      status: 404,
      code: "not_found",
      at: ["/x"],
    });
  });
});

describe("a body", () => {
  const post = (body: BodyInit, headers: Record<string, string> = {}): Request =>
    new Request("http://x/", { method: "POST", body, headers, duplex: "half" } as RequestInit);
  const stream = (bytes: number): ReadableStream<Uint8Array<ArrayBuffer>> => {
    let left = bytes;
    return new ReadableStream({
      pull(controller) {
        if (left <= 0) return controller.close();
        controller.enqueue(new Uint8Array(Math.min(left, 65_536)).fill(0x20));
        left -= 65_536;
      },
    });
  };

  it("is read up to the cap and not a byte further, declared or not", async () => {
    expect(await readText(post(stream(MAX_BODY_BYTES)))).toMatchObject({ ok: true });
    expect(await readText(post(stream(MAX_BODY_BYTES + 1)))).toEqual({
      ok: false,
      problem: "body_too_large",
    });
    const declared = { "content-length": String(MAX_BODY_BYTES + 1) };
    expect(await readText(post("x", declared))).toEqual({ ok: false, problem: "body_too_large" });
    expect(await readText(post("x", { "content-length": "1e9" }))).toMatchObject({ ok: false });
  });

  it.each([
    ['{"a":1,"a":2}', "malformed_json"],
    ['{"__proto__":{}}', "malformed_json"],
    ["{", "malformed_json"],
    ["", "malformed_json"],
    [`${"[".repeat(65)}${"]".repeat(65)}`, "malformed_json"],
  ])("%s is refused", async (text, code) => {
    const answer = await readJson(post(text, { "content-type": "application/json" }));
    expect(answer).toEqual({ ok: false, problem: code });
  });

  it("is JSON only where it says so", async () => {
    expect(await readJson(post("{}", { "content-type": "text/plain" }))).toEqual({
      ok: false,
      problem: "unsupported_media_type",
    });
    const charset = { "content-type": "application/json; charset=utf-8" };
    expect(await readJson(post("{}", charset))).toEqual({ ok: true, value: {} });
  });
});

describe("a request of a tenant of which too many wait", () => {
  const system = { id: (prefix: string) => `${prefix}_1` } as Gateway["system"];
  const crowded = (): ReturnType<typeof app> =>
    app({ turn: () => Promise.resolve(false) }, { system } as Gateway);
  const call = "/acme/v1/workflows/wf_1/calls";

  it("is told so in the agent's own contract, where it is a call", async () => {
    const answer = await crowded().ask(call, { method: "POST", body: "{" });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      outcome: "failed",
      call: "call_1",
      reason: { kind: "internal", code: "busy", message: FAILURE_MESSAGES.busy },
      retryable: true,
      retryAfter: 1,
    });
  });

  it.each([
    ["/acme/mcp", { error: { code: -32603 }, id: null }],
    ["/acme/oauth/token", { code: "unavailable" }],
    ["/acme/v1/workflows", { code: "unavailable" }],
  ])("is told so at %s, unread", async (path, body) => {
    const answer = await crowded().ask(path, { method: "POST", body: "{" });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject(body);
  });

  it.each([call, "/acme/mcp", "/acme/oauth/token"])(
    "comes again over another connection, after a moment, at %s",
    async (path) => {
      const { headers } = await crowded().ask(path, { method: "POST", body: "{" });
      expect(headers.get("connection")).toBe("close");
      expect(headers.get("retry-after")).toBe("1");
    },
  );

  it("is authenticated only when it is its turn", async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let asked = 0;
    const { ask } = app({
      turn: () => promise,
      authenticate: (request) => {
        asked++;
        return refused(request);
      },
    });
    const answer = ask(call, { method: "POST", body: "{}" });
    await new Promise(setImmediate);
    expect(asked).toBe(0);
    resolve(true);
    expect((await answer).status).toBe(401);
    expect(asked).toBe(1);
  });
});

describe("the agent-facing surface", () => {
  it("serves exactly what its OpenAPI document describes, besides well-known documents", () => {
    const served = app()
      .surface.routes.filter(
        ({ path, method }) => method !== "ALL" && !path.startsWith("/.well-known"),
      )
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    const described = Object.entries(OPERATIONS).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(served.sort()).toEqual(
      [
        ...described,
        "GET /healthz",
        "GET /openapi.json",
        "GET /{tenant}/jwks",
        // For people.
        "GET /{tenant}/approvals/{approval}",
      ].sort(),
    );
  });

  it("answers an unknown tenant, path and method alike", async () => {
    const { ask } = app();
    const bodies = await Promise.all(
      ["/globex/jwks", "/globex/v1/workflows/wf_1", "/nothing", "/acme/v1/nothing"].map(
        async (path) => {
          const answer = await ask(path);
          return [answer.status, await answer.text()];
        },
      ),
    );
    expect(new Set(bodies.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(bodies[0]?.[0]).toBe(404);
  });

  it("tells a proven caller at another workflow's path so, and raises it before it answers", async () => {
    const caller = {
      ...{ tenant: "acme", workflow: "wf_1", seat: "seat_1", agent: "a", human: "h" },
    };
    const submitted: unknown[] = [];
    const session = {
      state: { tenant: "acme", workflow: "wf_1", seats: { seat_1: { jkt: "thumbprint" } } },
      submit: (command: unknown) => Promise.resolve(submitted.push(command)),
    };
    const { ask } = app({ authenticate: () => Promise.resolve({ ok: true, caller }) }, {
      sessions: { find: () => Promise.resolve(session) },
      keys: { holds: () => true },
    } as unknown as Gateway);
    const answers = ["wf_2", "wf_3"].map(async (id) => ask(`/acme/v1/workflows/${id}/events`));
    for (const [n, asked] of answers.entries()) {
      const answer = await asked;
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({
        ...{ code: "not_found", refusal: { code: "context_mismatch", ruleIds: [] } },
      });
      expect(submitted.length).toBeGreaterThan(n);
    }
    const subject = { target: "key", value: "thumbprint" };
    const raised = { type: "signal", signal: "context_mismatch", seat: "seat_1" };
    expect(submitted).toEqual(Array(2).fill({ ...raised, call: null, subject }));
  });

  it("lets nobody in without a credential, on every workflow route", async () => {
    const { ask } = app();
    for (const [path, methods] of Object.entries(OPERATIONS)) {
      for (const [method, { security }] of Object.entries(methods)) {
        if (security !== "dpop") continue;
        const url = path.replace("{tenant}", "acme").replace(/\{\w+\}/g, "x");
        const answer = await ask(url, { method: method.toUpperCase() });
        expect([url, answer.status]).toEqual([url, 401]);
        expect(answer.headers.get("www-authenticate")).toBe("Bearer x");
      }
    }
    expect((await ask("/acme/mcp", { method: "POST" })).status).toBe(401);
  });

  it("shows no workflow that a look-up gave for another one", async () => {
    const caller = { tenant: "acme", workflow: "wf_1", seat: "s", agent: "a", human: "h" };
    const ask = async (state: object): Promise<number> => {
      const found = { state: { ...NEW_WORKFLOW, tenant: "acme", workflow: "wf_1", ...state } };
      const gateway = { sessions: { find: () => Promise.resolve(found) } } as unknown as Gateway;
      const authenticate = () => Promise.resolve({ ok: true, caller } as const);
      const { surface } = app({ authenticate }, gateway);
      return (await surface.request("/acme/v1/workflows/wf_1")).status;
    };
    expect(await ask({})).toBe(200);
    expect(await ask({ tenant: "globex" })).toBe(404);
    expect(await ask({ workflow: "wf_2" })).toBe(404);
  });

  it("does not log a client that hangs up in the middle of its body", async () => {
    const { ask, logged } = app({
      exchange: async (request) => Response.json(await readText(request)),
    });
    const body = new ReadableStream({ start: (stream) => stream.error(new Error("gone")) });
    const init = { method: "POST", body, duplex: "half" };
    const answer = await ask("/acme/oauth/token", init);
    expect(await answer.json()).toEqual({ ok: false, problem: "invalid_request" });
    expect(logged).toEqual([]);
  });

  it("turns a throw into a problem without its text, and logs the route only", async () => {
    const { ask, logged } = app({ exchange: () => Promise.reject(new Error("secret-in-message")) });
    const answer = await ask("/acme/oauth/token", { method: "POST" });
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("secret-in-message");
    expect(logged).toEqual([
      { event: "request.failed", method: "POST", route: "/:tenant/oauth/token" },
    ]);
  });
});

describe("the admin surface", () => {
  const admin = { tenants: ["acme"] } as unknown as Administration;

  it("serves exactly the operations of the document", () => {
    const served = adminSurface(admin)
      .routes.filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    const described = Object.entries(ADMIN_OPERATIONS).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(served.sort()).toEqual(described.sort());
  });

  it("knows its own tenants only, and refuses what is not a bundle or a scope", async () => {
    const surface = adminSurface(admin);
    const json = { "content-type": "application/json" };
    const post = (path: string, body: unknown): Promise<Response> =>
      Promise.resolve(
        surface.request(path, { method: "POST", headers: json, body: JSON.stringify(body) }),
      );
    expect((await surface.request("/tenants/globex/connectors")).status).toBe(404);
    expect((await post("/tenants/acme/bundles/activate", { files: { a: 1 } })).status).toBe(400);
    for (const scope of [
      { network: "acme", tier: "secret" },
      { network: "Acme!", tier: "internal" },
      { network: "acme", tier: "internal", lifeMs: -1 },
      { network: "acme", tier: "internal", lifeMs: 1e12 },
    ]) {
      expect((await post("/tenants/acme/join-codes", scope)).status).toBe(400);
    }
  });
});

describe("the OpenAPI document", () => {
  it("is 3.1, names every operation once and protects what needs a credential", () => {
    const document = openApiDocument("http://x", ADMIN_OPERATIONS) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId?: string; security?: unknown[] }>>;
    };
    expect(document.openapi).toBe("3.1.0");
    const operations = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).filter((one) => one.operationId !== undefined),
    );
    const ids = operations.map((one) => one.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(document.paths["/{tenant}/v1/workflows/{workflow}/calls"]?.["post"]?.security).toEqual([
      { dpop: [] },
    ]);
  });
});
