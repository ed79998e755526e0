import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../core/model/json.ts";
import type { HttpTemplate } from "../policy/bundle/model.ts";
import { compileHttp } from "./render-http.ts";
import { slots } from "./tools.test-support.ts";
import { anyText } from "../core/model/testing-text.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const TEMPLATE: HttpTemplate = {
  kind: "http",
  method: "POST",
  path: "/tickets/{ticketId}/notes",
  query: slots("status", "tag"),
  headers: [],
  cookies: [],
  body: slots("text", "pinned"),
  encoding: "json",
  idempotencyHeader: null,
  idempotencyMinutes: null,
  preview: null,
};
const http = compileHttp(TEMPLATE, "tickets", sha256);

function operation(args: JsonObject, template: HttpTemplate = TEMPLATE) {
  const { operation: made } = compileHttp(template, "tickets", sha256).render(args, {}, "acme");
  if (!("http" in made)) throw new Error("not http");
  return made.http;
}

describe("rendering an HTTP request", () => {
  it("puts each argument into its slot", () => {
    const request = http.render(
      { ticketId: "t-1", status: "open", text: "é", pinned: true },
      {},
      "acme",
    );
    expect(request).toEqual({
      operation: {
        http: {
          method: "POST",
          destination: "tickets",
          path: "/tickets/t-1/notes",
          query: "status=open",
          contentDigest: sha256('{"pinned":true,"text":"é"}'),
        },
      },
      body: '{"pinned":true,"text":"é"}',
      contentType: "application/json",
    });
  });

  it("sends no body where the tool has none, and an empty object where all of it is optional", () => {
    const bodiless = compileHttp({ ...TEMPLATE, body: null }, "tickets", sha256);
    expect(bodiless.render({ ticketId: "t-1" }, {}, "acme")).toMatchObject({
      body: null,
      contentType: null,
      operation: { http: { contentDigest: null } },
    });
    expect(http.render({ ticketId: "t-1" }, {}, "acme").body).toBe("{}");
  });

  it("digests the bytes of the body", () => {
    expect(operation({ ticketId: "t-1" }).contentDigest).toBe(
      "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    );
  });

  it.each<[string, Json, string]>([
    ["a slash", "a/b", "a%2Fb"],
    ["a backslash", "a\\b", "a%5Cb"],
    ["a query", "a?b=c", "a%3Fb%3Dc"],
    ["a fragment", "a#b", "a%23b"],
    ["an encoded slash", "a%2fb", "a%252fb"],
    ["an encoded dot segment", "%2e%2e", "%252e%252e"],
    ["CR and LF", "a\r\nX-Admin: 1", "a%0D%0AX-Admin%3A%201"],
    ["NUL", "a\0b", "a%00b"],
    ["a parameter of the path", "a;b", "a%3Bb"],
    ["marks that routers read", "!'()*", "%21%27%28%29%2A"],
    ["other scripts", "é😀", "%C3%A9%F0%9F%98%80"],
    ["a number", 12.5, "12.5"],
    ["a boolean", false, "false"],
    ["three dots", "...", "..."],
  ])("keeps %s in its segment", (_, ticketId, segment) => {
    expect(http.misplaced({ ticketId })).toEqual([]);
    expect(operation({ ticketId }).path).toBe(`/tickets/${segment}/notes`);
  });

  it.each<[string, Json]>([
    ["nothing", ""],
    [".", "."],
    ["..", ".."],
    ["a climb behind a slash", "a/../../admin"],
    ["a climb behind a backslash", "..\\admin"],
    ["null", null],
    ["an object", {}],
    ["a list", ["a"]],
  ])("refuses %s as a segment", (_, ticketId) => {
    expect(http.misplaced({ ticketId })).toEqual(["/ticketId"]);
  });

  it("refuses a segment that is missing, also when its name is inherited", () => {
    const inherited = compileHttp({ ...TEMPLATE, path: "/{constructor}" }, "tickets", sha256);
    expect(http.misplaced({})).toEqual(["/ticketId"]);
    expect(inherited.misplaced({})).toEqual(["/constructor"]);
  });

  it("repeats the key of a list in the query, and leaves out what is absent", () => {
    expect(operation({ ticketId: "t", status: "", tag: ["a&b", "c=d", 3] }).query).toBe(
      "status=&tag=a%26b&tag=c%3Dd&tag=3",
    );
    expect(operation({ ticketId: "t", tag: [] }).query).toBe("");
  });

  it("refuses what has no form in a query", () => {
    expect(http.misplaced({ ticketId: "t", status: {}, tag: [["a"]] })).toEqual([
      "/status",
      "/tag",
    ]);
    expect(http.misplaced({ ticketId: "t", status: null })).toEqual(["/status"]);
  });

  it("adds no segment, parameter, fragment or line, whatever the arguments are", () => {
    const text = anyText(40).filter((one) => one.isWellFormed());
    fc.assert(
      fc.property(text, text, text, (ticketId, status, note) => {
        const args = { ticketId, status, text: note };
        fc.pre(http.misplaced(args).length === 0);
        const { path, query } = operation(args);
        expect(path).toMatch(/^\/tickets\/[A-Za-z0-9._~%-]+\/notes$/);
        expect(query).toMatch(/^status=[A-Za-z0-9._~%-]*$/);
        const url = new URL(`http://service${path}?${query}`);
        expect([url.pathname, url.search, url.hash]).toEqual([
          path,
          query === "" ? "" : `?${query}`,
          "",
        ]);
        expect(decodeURIComponent(path.split("/")[2] ?? "")).toBe(ticketId);
        expect([...url.searchParams]).toEqual([["status", status]]);
        expect(JSON.parse(http.render(args, {}, "acme").body ?? "")).toEqual({ text: note });
      }),
      { numRuns: 2_000 },
    );
  });
});
