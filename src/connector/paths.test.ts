import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSafeQuery, matchesPath, parseTemplate, type PathTemplate } from "./paths.ts";

const templates = ["/tickets", "/tickets/{id}", "/tickets/{id}/notes", "/v1/a.b~c"].map(
  (text) => parseTemplate(text) as PathTemplate,
);
const ORIGIN = "http://tickets.internal";

describe("path templates", () => {
  it.each([
    "/tickets",
    "/tickets/1",
    "/tickets/a%20b",
    "/tickets/x;y=1",
    "/tickets/...",
    "/tickets/1/notes",
    "/v1/a.b~c",
  ])("match %s", (path) => expect(matchesPath(templates, path)).toBe(true));

  it.each([
    "",
    "tickets",
    "/",
    "//tickets",
    "/tickets/",
    "/Tickets",
    "/tickets/1/",
    "/tickets//notes",
    "/tickets/1/other",
    "/tickets/.",
    "/tickets/..",
    "/tickets/..;x",
    "/tickets/%2e%2e",
    "/tickets/.%2E",
    "/tickets/%2e%2e;x",
    "/tickets/%252e%252e",
    "/tickets/a%2Fb",
    "/tickets/a%5cb",
    "/tickets/a%252fb",
    "/tickets/a\\b",
    "/tickets/a%00",
    "/tickets/a%2500",
    "/tickets/a%0d%0ax",
    "/tickets/a\r\nx",
    "/tickets/a b",
    "/tickets/%",
    "/tickets/%zz",
    "/tickets/%ff",
    "/tickets/;x",
    "/tickets/é",
    "/tickets/1?x=1",
    "/tickets/1#x",
    "/tickets/../admin",
    "/admin",
    "http://evil/tickets",
    "/\\evil/tickets",
  ])("do not match %j", (path) => expect(matchesPath(templates, path)).toBe(false));

  it("match nothing that a URL parser would rewrite or send elsewhere", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "tickets",
        "notes",
        "1",
        "..",
        ".",
        "%2e",
        "%2f",
        "%5C",
        "\\",
        "//",
        ";",
        "%25",
        "?",
        "#",
        "@",
        ":",
        "é",
        " ",
      ),
      fc.string({ maxLength: 3 }),
    );
    const path = fc
      .array(fc.oneof(piece, fc.constant("/")), { maxLength: 8 })
      .map((all) => all.join(""));
    let matched = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          path,
          path.map((rest) => `/tickets/${rest}`),
        ),
        (candidate) => {
          if (!matchesPath(templates, candidate)) return;
          matched++;
          const url = new URL(candidate, ORIGIN);
          expect(url.origin).toBe(ORIGIN);
          expect(url.pathname).toBe(candidate);
          expect(decodeURIComponent(candidate).split("/")).toHaveLength(
            candidate.split("/").length,
          );
        },
      ),
      { numRuns: 5_000 },
    );
    expect(matched).toBeGreaterThan(10);
  });

  it("match only what has the literal segments of one template in its places", () => {
    const segment = fc.constantFrom("tickets", "notes", "other", "1", "v1");
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
        const [first, , third] = segments;
        const known =
          first === "tickets" &&
          (segments.length <= 2 || (segments.length === 3 && third === "notes"));
        expect(matchesPath(templates, `/${segments.join("/")}`)).toBe(known);
      }),
    );
  });

  it.each(["", "tickets", "/a//b", "/..", "/a/{id}x", "/{a}{b}", "/{1}", "/a b", "/%2f", "/a?b"])(
    "are refused when written as %j",
    (text) => expect(parseTemplate(text)).toBeNull(),
  );

  it("may be the root", () => {
    expect(parseTemplate("/")).toEqual([]);
    expect(matchesPath([[]], "/")).toBe(true);
  });
});

describe("a query", () => {
  it("travels as sent where it is one", () => {
    expect(isSafeQuery("")).toBe(true);
    expect(isSafeQuery("status=open&q=a%20b/c?d")).toBe(true);
    for (const bad of ["a b", "a#b", "a\r\nb", "é", "a=%", "a=%g0", 'a="', "a=\\", "a={}"]) {
      expect(isSafeQuery(bad)).toBe(false);
    }
  });
});
