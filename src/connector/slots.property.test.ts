import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../core/model/json.ts";
import type { Request } from "../core/model/operation.ts";
import { parseToConnector } from "../tunnel/frames.ts";
import { compileHttp } from "../tools/render-http.ts";
import { httpOf } from "../tools/tools.test-support.ts";
import { refusalOf, sha256 } from "./allow.ts";
import { parseTemplate, type PathTemplate } from "./paths.ts";
import { httpDestination } from "./testing.ts";
import { anyText } from "../core/model/testing-text.ts";

/** From what an agent writes to what a service reads, with nothing between but our own code. */
const TEMPLATE = httpOf({
  method: "POST",
  path: "/v1/teams/{team}/files/{file}",
  query: [
    { argument: "search", name: "filter[text]", form: "plain" },
    { argument: "ids", name: "ids", form: "comma" },
    { argument: "tags", name: "tag", form: "plain" },
  ],
  headers: [{ argument: "version", name: "x-api-version", form: "plain" }],
  cookies: [
    { argument: "theme", name: "theme", form: "plain" },
    { argument: "place", name: "place", form: "plain" },
  ],
  body: [{ argument: "note", name: "the-note", form: "plain" }],
});
const NAMES = ["team", "file", "search", "ids", "tags", "version", "theme", "place", "note"];
const DESTINATION = httpDestination({
  methods: new Set(["POST"]),
  paths: [parseTemplate("/v1/teams/{team}/files/{file}") as PathTemplate],
  requestHeaders: new Set(["x-api-version", "cookie"]),
});
const http = compileHttp(TEMPLATE, "files", sha256);

const hostile = fc.oneof(
  anyText(12).filter((text) => text.isWellFormed()),
  fc
    .array(
      fc.constantFrom(
        ...["..", ".", "/", "\\", "%2f", "%2e", "%00", "%0d%0a", "\r\n", "\n", "\0", "\t", " "],
        ...["&", "=", "?", "#", ";", ",", ":", "é", "\u202e", "a", "X-Admin: 1", "[]", "{", "}"],
      ),
      { minLength: 1, maxLength: 6 },
    )
    .map((parts) => parts.join("")),
);
const value: fc.Arbitrary<Json> = fc.oneof(hostile, hostile, fc.integer(), fc.boolean());
const call = fc.record({
  ...Object.fromEntries(NAMES.map((name) => [name, value])),
  ids: fc.array(value, { maxLength: 3 }),
  tags: fc.array(value, { maxLength: 3 }),
}) as fc.Arbitrary<JsonObject>;

function httpOfRequest(request: Request) {
  if (!("http" in request.operation)) throw new Error("not http");
  return request.operation.http;
}

function text(one: Json | undefined): string {
  return typeof one === "string" ? one : JSON.stringify(one);
}

describe("arguments in their slots", () => {
  it("reach a service as what they are, and nowhere else, or are refused before anything is sent", async () => {
    const received: { url: string; headers: NodeJS.Dict<string | string[]>; raw: string[] }[] = [];
    const server = createServer((incoming, answer) => {
      received.push({
        url: incoming.url ?? "",
        headers: incoming.headers,
        raw: incoming.rawHeaders,
      });
      incoming.resume().on("end", () => answer.end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    let sent = 0;
    try {
      await fc.assert(
        fc.asyncProperty(call, async (args) => {
          if (http.misplaced(args).length > 0) return;
          const request = http.render(args, {}, "acme");
          const { path, query, headers = {} } = httpOfRequest(request);
          const frame = { ...request, idempotencyKey: null, preview: null };
          const refusal = refusalOf(frame, DESTINATION);
          // The connector is stricter about encoded slashes and controls in a path. Nothing else of it
          // may ever be needed against what the gateway renders.
          if (refusal !== null) {
            expect(refusal).toBe("path_not_allowed");
            // oxlint-disable-next-line no-control-regex -- these are the characters it refuses
            expect(`${text(args["team"])} ${text(args["file"])}`).toMatch(/[/\\%\x00-\x1f\x7f;.]/);
            return;
          }
          sent++;
          await fetch(`${origin}${path}?${query}`, { method: "POST", headers, body: request.body });
          const { url, headers: seen } = received.pop()!;
          const target = new URL(url, origin);
          expect(target.pathname.split("/").map(decodeURIComponent)).toEqual([
            "",
            "v1",
            "teams",
            text(args["team"]),
            "files",
            text(args["file"]),
          ]);
          const ids = args["ids"] as readonly Json[];
          expect([...target.searchParams]).toEqual([
            ["filter[text]", text(args["search"])],
            ...(ids.length > 0 ? [["ids", ids.map(text).join(",")]] : []),
            ...(args["tags"] as readonly Json[]).map((one) => ["tag", text(one)]),
          ]);
          expect(seen["x-api-version"]).toBe(text(args["version"]));
          const cookies = new Map(
            String(seen["cookie"])
              .split("; ")
              .map((pair) => pair.split("=") as [string, string]),
          );
          expect([...cookies].map(([name, one]) => [name, decodeURIComponent(one)])).toEqual([
            ["theme", text(args["theme"])],
            ["place", text(args["place"])],
          ]);
          expect(seen["x-admin"]).toBeUndefined();
          expect(JSON.parse(request.body ?? "")).toEqual({ "the-note": args["note"] });
        }),
        { numRuns: 1_500 },
      );
    } finally {
      server.closeAllConnections();
      server.close();
    }
    // A property about nothing proves nothing.
    expect(sent).toBeGreaterThan(50);
  });

  it.each<[string, JsonObject, readonly string[]]>([
    ["CR and LF in a header", { version: "1\r\nX-Admin: 1" }, ["/version"]],
    ["NUL in a header", { version: "1\0" }, ["/version"]],
    ["blanks at the end of a header", { version: "1 " }, ["/version"]],
    ["an empty header", { version: "" }, ["/version"]],
    ["another script in a header", { version: "é" }, ["/version"]],
    ["a header that is too long", { version: "x".repeat(1_025) }, ["/version"]],
    ["a list in a header", { version: ["1"] }, ["/version"]],
    ["a comma in a list of commas", { ids: ["a,b"] }, ["/ids"]],
    ["a cookie that is too long", { theme: "é".repeat(200) }, ["/theme"]],
  ])("refuse %s", (_, args, places) => {
    expect(http.misplaced({ team: "t", file: "f", ...args })).toEqual(places);
  });

  it("are sent only in headers that the connector's own list names", () => {
    const request = http.render({ team: "t", file: "f", version: "2", theme: "dark" }, {}, "acme");
    const frame = { ...request, idempotencyKey: null, preview: null };
    expect(refusalOf(frame, DESTINATION)).toBeNull();
    for (const names of [[], ["cookie"], ["x-api-version"]]) {
      const destination = { ...DESTINATION, requestHeaders: new Set(names) };
      expect(refusalOf(frame, destination)).toBe("header_not_allowed");
    }
  });

  it.each<[string, unknown]>([
    ["no header at all", {}],
    ["a list", ["a"]],
    ["a name in upper case", { "X-A": "1" }],
    ["a name with a colon", { "a:b": "1" }],
    ["CR and LF", { a: "1\r\nb: 2" }],
    ["a blank at the end", { a: "1 " }],
    ["a number", { a: 1 }],
    ["too many", Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`a${n}`, "1"]))],
    ["too long a value", { a: "x".repeat(4_097) }],
  ])("stand in no frame as %s", (_, headers) => {
    const frame = (more: object): string => {
      const { operation, body, contentType } = http.render({ team: "t", file: "f" }, {}, "acme");
      return JSON.stringify({
        t: "request",
        ...{
          id: "x1",
          token: "t",
          operation: { http: { ...httpOfRequest({ operation, body, contentType }), ...more } },
        },
        ...{ body, contentType, cap: 1_000, timeoutMs: 1_000, idempotencyKey: null, preview: null },
      });
    };
    expect(parseToConnector(frame({ headers: { a: "1" } }))).not.toBeNull();
    expect(parseToConnector(frame({ headers }))).toBeNull();
  });
});
