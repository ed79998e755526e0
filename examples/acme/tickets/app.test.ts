import { beforeAll, describe, expect, it } from "vitest";
import { CallTokens } from "../testing-tokens.ts";
import { ticketsApp } from "./app.ts";
import { TicketStore } from "./store.ts";

const NEW_TICKET = { customerId: "cus_000001", title: "Overdue", text: "Sent twice." };

let app: ReturnType<typeof ticketsApp>;
let tokens: CallTokens;

beforeAll(async () => {
  tokens = await CallTokens.for("tickets");
  app = ticketsApp(new TicketStore(":memory:"), tokens.trust);
});

describe("tickets", () => {
  it.each([
    ["POST", "/tickets"],
    ["GET", "/tickets"],
    ["GET", "/tickets/tkt_000000000000"],
    ["PATCH", "/tickets/tkt_000000000000"],
    ["GET", "/openapi.json"],
    ["GET", "/"],
    ["DELETE", "/tickets"],
  ])("refuses %s %s without a call token", async (method, path) => {
    const answer = await app.request(path, { method });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await answer.json()).toMatchObject({ status: 401, code: "token_missing" });
  });

  it("opens a ticket and remembers all three principals", async () => {
    const opened = await send("tickets_create", "POST", "/tickets", NEW_TICKET);
    expect(opened.status).toBe(201);
    const ticket = (await opened.json()) as { id: string };
    expect(ticket).toMatchObject({
      ...NEW_TICKET,
      invoiceId: null,
      priority: "normal",
      status: "open",
      openedBy: { human: "hum_1", agent: "support-agent", workflow: "wf_1" },
    });
    const closed = await send("tickets_set_status", "PATCH", `/tickets/${ticket.id}`, {
      status: "closed",
    });
    expect(await closed.json()).toMatchObject({ id: ticket.id, status: "closed" });
    const list = await send("tickets_list", "GET", "/tickets?status=closed&limit=1");
    expect(await list.json()).toMatchObject({ tickets: [{ id: ticket.id }] });
  });

  it("refuses a call token that was spent before", async () => {
    const token = await tokenFor("tickets_list", "GET", "/tickets");
    const headers = { "txn-token": token };
    expect((await app.request("/tickets", { headers })).status).toBe(200);
    const replay = await app.request("/tickets", { headers });
    expect(replay.status).toBe(401);
    expect(await replay.json()).toMatchObject({ code: "token_replayed" });
  });

  it("refuses a token of another tool", async () => {
    const token = await tokenFor("tickets_list", "POST", "/tickets", NEW_TICKET);
    const answer = await post("/tickets", NEW_TICKET, token);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ code: "tool_mismatch" });
  });

  it("refuses another body than the one that was decided", async () => {
    const token = await tokenFor("tickets_create", "POST", "/tickets", NEW_TICKET);
    const answer = await post("/tickets", { ...NEW_TICKET, title: "Pay me" }, token);
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ code: "operation_mismatch" });
  });

  it("answers a request that does not fit with a problem, not with its content", async () => {
    const answer = await send("tickets_create", "POST", "/tickets", { title: "canary-71" });
    expect(answer.status).toBe(400);
    const text = await answer.text();
    expect(text).toContain("request_invalid");
    expect(text).not.toContain("canary-71");
  });

  it("answers an unknown ticket with 404", async () => {
    const answer = await send("tickets_get", "GET", "/tickets/tkt_000000000000");
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: "ticket_unknown" });
  });
});

async function send(tool: string, method: string, path: string, body?: object): Promise<Response> {
  const token = await tokenFor(tool, method, path, body);
  if (body !== undefined && method === "POST") return post(path, body, token);
  const headers = { "txn-token": token, "content-type": "application/json" };
  return app.request(path, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

async function post(path: string, body: object, token: string): Promise<Response> {
  const headers = { "txn-token": token, "content-type": "application/json" };
  return app.request(path, { method: "POST", headers, body: JSON.stringify(body) });
}

function tokenFor(tool: string, method: string, target: string, body?: object): Promise<string> {
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  return tokens.mint({ tool, method, target, ...text });
}
