import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CallTokens } from "../testing-tokens.ts";
import { documentsApp } from "./app.ts";
import { PageIndex } from "./index.ts";
import type { Page } from "./page.ts";

const page = (id: string, tenant: string, of: Page["class"]): Page => ({
  ...{ id, title: `Refunds ${id}`, text: "Who may refund how much.", tenant, class: of },
});
const index = new PageIndex([
  page("open", "acme", "document.public"),
  page("ours", "acme", "document.internal"),
  page("people", "acme", "document.people"),
  page("theirs", "globex", "document.public"),
]);
const filter = { tenant: "acme", classes: ["document.public", "document.internal"] };
const question = { query: "refund", topK: 5, mode: "text", filter };

let app: ReturnType<typeof documentsApp>;
let tokens: CallTokens;

beforeAll(async () => {
  tokens = await CallTokens.for("documents");
  app = documentsApp(index, tokens.trust);
});
afterAll(() => index.close());

async function search(body: unknown, tool = "documents_search"): Promise<Response> {
  const text = JSON.stringify(body);
  const token = await tokens.mint({ tool, method: "POST", target: "/search", body: text });
  return app.request("/search", {
    method: "POST",
    headers: { "content-type": "application/json", "txn-token": token },
    body: text,
  });
}

describe("the document service", () => {
  it.each([
    ["POST", "/search"],
    ["GET", "/search"],
    ["GET", "/"],
    ["GET", "/pages/people"],
  ])("refuses %s %s without a call token", async (method, path) => {
    const answer = await app.request(path, { method });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ status: 401, code: "token_missing" });
  });

  it("refuses a token of another tool", async () => {
    expect((await search(question, "tickets_list")).status).toBe(403);
  });

  it("looks through what the filter names, and through nothing else", async () => {
    const answer = await search(question);
    expect(answer.status).toBe(200);
    const { rows } = (await answer.json()) as { rows: { id: string; score: number }[] };
    expect(rows.map(({ id }) => id).sort()).toEqual(["open", "ours"]);
    expect(rows.every(({ score }) => score > 0)).toBe(true);
    expect(rows[0]).toMatchObject({ snippet: "Who may refund how much.", title: "Refunds open" });
  });

  it("finds nothing behind a filter without classes", async () => {
    const answer = await search({ ...question, filter: { ...filter, classes: [] } });
    expect(await answer.json()).toEqual({ rows: [] });
  });

  it("believes the token, not the filter, about the tenant", async () => {
    const answer = await search({ ...question, filter: { ...filter, tenant: "globex" } });
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ code: "tenant_mismatch" });
  });

  it.each([
    ["no filter", { ...question, filter: undefined }],
    ["half a filter", { ...question, filter: { tenant: "acme" } }],
    ["more than was agreed", { ...question, offset: 10 }],
    ["another way to search", { ...question, mode: "vector" }],
    ["no end", { ...question, topK: 101 }],
    ["nothing", null],
  ])("refuses a question with %s", async (_, body) => {
    expect((await search(body)).status).toBe(400);
  });
});
