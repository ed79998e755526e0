import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../core/model/json.ts";
import type { Observation, Previewed, RawAnswer, ToolPreview } from "../gateway/ports.ts";
import type { AnnotatedSchema, HttpPreview } from "../policy/bundle/model.ts";
import { toolRuntime } from "./runtime.ts";
import { answerOf, httpOf, planOf, sha256, slots, toolOf } from "./tools.test-support.ts";

const SCHEMA: AnnotatedSchema = {
  type: "object",
  dataClass: "ticket",
  required: ["id", "updatedAt"],
  records: [
    {
      dataClass: "vip",
      when: { required: ["vip"], properties: { vip: { const: true } } },
    },
  ],
  properties: {
    id: { type: "string" },
    title: { type: "string", maxLength: 100_000 },
    email: { type: ["string", "null"], dataClass: "contact" },
    vip: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } },
    notes: {
      type: "object",
      dataClass: "contact",
      additionalProperties: { type: "string" },
    },
    updatedAt: { type: "string" },
    meta: {
      type: "object",
      properties: { seen: { type: "integer" }, by: { type: "string" } },
    },
  },
};
const ALL = planOf(["ticket", "contact", "vip"]);

function previewOf(over: Partial<HttpPreview> = {}, input?: JsonObject): ToolPreview {
  const preview: HttpPreview = {
    path: "/tickets/{ticketId}",
    apply: "merge",
    ignore: ["/updatedAt", "/meta/seen"],
    etag: true,
    schema: SCHEMA,
    ...over,
  };
  const runtime = toolRuntime(
    toolOf({
      template: httpOf({
        path: "/tickets/{ticketId}",
        query: slots("notify"),
        body: slots("title", "email", "vip", "tags", "notes", "odd"),
        preview,
      }),
      input: input ?? { properties: { ticketId: { type: "string" } } },
    }),
    sha256,
  );
  if (runtime.preview === null) throw new Error("no preview");
  return runtime.preview;
}

const TICKET = { id: "t-1", title: "Old", email: "a@b.com", updatedAt: "1", meta: { seen: 3 } };

function read(
  args: JsonObject,
  resource: Json = TICKET,
  over: Partial<RawAnswer> = {},
  preview = previewOf(),
): Previewed {
  return preview.read(answerOf(resource, { etag: '"v1"', ...over }), { ticketId: "t-1", ...args });
}

function seen(...given: Parameters<typeof read>): Observation {
  const previewed = read(...given);
  if (!previewed.ok) throw new Error(previewed.code);
  return previewed;
}

describe("the request of an HTTP preview", () => {
  it("reads the resource, and sends nothing else of the call", () => {
    const args = { ticketId: "a b/c", title: "New", notify: true };
    expect(previewOf().request(args)).toEqual({
      operation: {
        http: {
          method: "GET",
          destination: "tickets",
          path: "/tickets/a%20b%2Fc",
          query: "",
          contentDigest: null,
        },
      },
      body: null,
      contentType: null,
    });
  });

  it("has a path that no argument climbs out of, though the call's own path is without it", () => {
    const template = httpOf({
      method: "POST",
      path: "/close",
      body: slots("ticketId"),
      preview: {
        path: "/tickets/{ticketId}",
        apply: "merge",
        ignore: [],
        etag: true,
        schema: SCHEMA,
      },
    });
    const runtime = toolRuntime(
      toolOf({ template, input: { properties: { ticketId: { type: "string" } } } }),
      sha256,
    );
    expect(runtime.shape({ ticketId: ".." })).toEqual({ ok: false, at: ["/ticketId"] });
    expect(runtime.shape({ ticketId: "x/../y" })).toEqual({ ok: false, at: ["/ticketId"] });
    expect(runtime.shape({ ticketId: "t-1" })).toMatchObject({ ok: true });
  });
});

describe("reading an HTTP preview", () => {
  it("merges the body into the resource (RFC 7396), without what is volatile", () => {
    expect(read({ title: "New", email: null, notify: true })).toEqual({
      ok: true,
      before: { id: "t-1", title: "Old", email: "a@b.com", meta: {} },
      after: { id: "t-1", title: "New", meta: {} },
      change: [
        { op: "test", path: "/email", value: "a@b.com" },
        { op: "remove", path: "/email" },
        { op: "test", path: "/title", value: "Old" },
        { op: "replace", path: "/title", value: "New" },
      ],
      classes: ["contact", "ticket"],
      etag: '"v1"',
    });
  });

  it("replaces the resource by the body", () => {
    const preview = previewOf({ apply: "replace", ignore: ["/updatedAt", "/meta", "/id"] });
    expect(seen({ title: "New" }, TICKET, {}, preview)).toMatchObject({
      before: { title: "Old", email: "a@b.com" },
      after: { title: "New" },
      classes: ["contact", "ticket"],
    });
  });

  it("shows a deletion as the whole resource going", () => {
    const observed = seen({}, TICKET, {}, previewOf({ apply: "delete" }));
    const before = { id: "t-1", title: "Old", email: "a@b.com", meta: {} };
    expect(observed).toMatchObject({
      before,
      after: null,
      change: [
        { op: "test", path: "", value: before },
        { op: "replace", path: "", value: null },
      ],
      classes: ["contact", "ticket"],
    });
    const shown = previewOf({ apply: "delete" }).show(observed, planOf(["ticket"], ["contact"]));
    expect(shown).toEqual({
      change: [
        { op: "test", path: "", value: { ...before, email: null } },
        { op: "replace", path: "", value: null },
      ],
      hidden: [
        {
          path: "/0/value/email",
          dataClass: "contact",
          ruleIds: ["no-contact"],
          transform: "null",
        },
      ],
    });
  });

  it("says that nothing changes when nothing does", () => {
    expect(read({ title: "Old" })).toMatchObject({ ok: true, change: [], classes: [] });
    // Only what is volatile moved.
    expect(read({}, { ...TICKET, updatedAt: "2" })).toMatchObject({ ok: true, change: [] });
  });

  it("keeps the places of an array when an item is volatile", () => {
    const preview = previewOf({ ignore: ["/tags/0", "/tags/7", "/title/x", "/none/x"] });
    const resource = { ...TICKET, tags: ["x", "y"] };
    expect(seen({ tags: ["z", "y", "w"] }, resource, {}, preview).change).toEqual([
      { op: "add", path: "/tags/2", value: "w" },
    ]);
  });

  it.each<[string, Partial<RawAnswer>, object]>([
    ["a resource that is not there", { status: 404 }, { code: "upstream_rejected", status: 404 }],
    ["a refusal", { status: 403 }, { code: "upstream_rejected", status: 403 }],
    ["a redirect", { status: 302 }, { code: "upstream_rejected", status: 302 }],
    ["an error", { status: 503 }, { code: "upstream_error", status: 503 }],
    ["no content", { status: 204, body: "" }, { code: "preview_unavailable" }],
    ["a part of it", { status: 206 }, { code: "preview_unavailable" }],
    ["no JSON", { body: "<html>" }, { code: "preview_unavailable" }],
    ["a duplicate key", { body: '{"id":"1","id":"2"}' }, { code: "preview_unavailable" }],
    ["a prototype", { body: '{"__proto__":{}}' }, { code: "preview_unavailable" }],
    ["a list", { body: "[]" }, { code: "preview_unavailable" }],
    ["nothing", { body: "null" }, { code: "preview_unavailable" }],
    ["a resource that was cut", { truncated: true }, { code: "preview_too_large" }],
    ["a tag that is none", { etag: "v1" }, { code: "preview_unavailable" }],
    ["a tag for every version", { etag: "*" }, { code: "preview_unavailable" }],
    ["two tags", { etag: '"a", "b"' }, { code: "preview_unavailable" }],
    ["a tag with a line break", { etag: '"a\r\nx: y"' }, { code: "preview_unavailable" }],
    ["a tag without end", { etag: `"${"a".repeat(300)}"` }, { code: "preview_unavailable" }],
  ])("fails on %s, and shows none of it", (_, over, failure) => {
    expect(read({ title: "New" }, TICKET, over)).toEqual({ ok: false, ...failure });
  });

  it("fails without the entity tag that was promised, and takes none where none is", () => {
    const answer = answerOf(TICKET);
    const args = { ticketId: "t-1", title: "New" };
    expect(previewOf().read(answer, args)).toEqual({ ok: false, code: "preview_unavailable" });
    const untagged = previewOf({ etag: false });
    expect([untagged.bound, previewOf({ etag: true }).bound]).toEqual([false, true]);
    expect(untagged.read(answer, args)).toMatchObject({ ok: true, etag: null });
    expect(untagged.read({ ...answer, etag: '"v1"' }, args)).toMatchObject({ etag: null });
    expect(seen({ title: "New" }, TICKET, { etag: 'W/"v1"' }).etag).toBe('W/"v1"');
  });

  it("refuses a change of what nobody declared or classified, or of another shape", () => {
    const refused = { ok: false, code: "output_invalid" };
    expect(read({ odd: "x" })).toEqual(refused);
    expect(read({ title: 7 })).toEqual(refused);
    expect(read({ tags: { a: "x" } })).toEqual(refused);
    expect(read({ tags: ["x", ["y"]] })).toEqual(refused);
    const unclassified = previewOf({ schema: { type: "object", properties: SCHEMA.properties! } });
    expect(read({ title: "New" }, TICKET, {}, unclassified)).toEqual(refused);
    const links = { ...TICKET, _links: { self: "/secret" } };
    expect(read({}, links, {}, previewOf({ apply: "delete" }))).toEqual(refused);
    expect(read({}, links, {}, previewOf({ apply: "replace" }))).toEqual(refused);
  });

  it("does not mind undeclared members that stay as they are, and never shows them", () => {
    const observed = seen({ title: "New" }, { ...TICKET, _links: { self: "/secret" } });
    expect(JSON.stringify(previewOf().show(observed, ALL))).not.toContain("secret");
  });

  it("refuses what is too large to be read, and takes what is just not", () => {
    const tags = Array.from({ length: 201 }, (_, at) => `tag-${at}`);
    const withTags = { ...TICKET, tags: [] };
    expect(seen({ tags: tags.slice(1) }, withTags).change).toHaveLength(200);
    expect(read({ tags }, withTags)).toEqual({ ok: false, code: "preview_too_large" });
    expect(read({ title: "x".repeat(64_000) })).toMatchObject({ ok: true });
    expect(read({ title: "x".repeat(65_536) })).toEqual({ ok: false, code: "preview_too_large" });
    // Characters of several bytes.
    expect(read({ title: "é".repeat(40_000) })).toEqual({ ok: false, code: "preview_too_large" });
  });

  it("names the class of a record that the change leads into or out of", () => {
    expect(seen({ title: "New" }, { ...TICKET, vip: true }).classes).toEqual(["ticket", "vip"]);
    expect(seen({ vip: true }).classes).toEqual(["ticket", "vip"]);
    expect(seen({ vip: false }, { ...TICKET, vip: true }).classes).toEqual(["ticket", "vip"]);
    expect(seen({ vip: false }).classes).toEqual(["ticket"]);
  });

  it("takes a record for one of a class when what would tell is left out of the change", () => {
    const preview = previewOf({ ignore: ["/updatedAt", "/vip"] });
    expect(seen({ title: "New" }, TICKET, {}, preview).classes).toEqual(["ticket", "vip"]);
  });
});

describe("showing a change", () => {
  const show = (args: JsonObject, plan = ALL, resource: Json = TICKET) =>
    previewOf().show(seen(args, resource), plan);
  const NO_CONTACT = planOf(["ticket", "vip"], ["contact"]);

  it("shows all of it to whoever may see its classes", () => {
    const observed = seen({ title: "New", email: "c@d.com" });
    const shown = previewOf().show(observed, planOf(observed.classes));
    expect(shown).toEqual({ change: observed.change, hidden: [] });
  });

  it("puts null for both values of a denied place, and says so", () => {
    const { change, hidden } = show({ title: "New", email: "c@d.com" }, NO_CONTACT);
    expect(change).toEqual([
      { op: "test", path: "/email", value: null },
      { op: "replace", path: "/email", value: null },
      { op: "test", path: "/title", value: "Old" },
      { op: "replace", path: "/title", value: "New" },
    ]);
    expect(hidden).toEqual([
      { path: "/0/value", dataClass: "contact", ruleIds: ["no-contact"], transform: "null" },
      { path: "/1/value", dataClass: "contact", ruleIds: ["no-contact"], transform: "null" },
    ]);
  });

  it("shows that a denied value comes or goes", () => {
    const { email: _, ...without } = TICKET;
    expect(show({ email: "c@d.com" }, NO_CONTACT, without).change).toEqual([
      { op: "add", path: "/email", value: null },
    ]);
    expect(show({ email: null }, NO_CONTACT).change).toEqual([
      { op: "test", path: "/email", value: null },
      { op: "remove", path: "/email" },
    ]);
  });

  it("shows no key below a denied place, and that place once", () => {
    const notes = { "secret-key": "secret", other: "secret" };
    const { change } = show({ notes: { "secret-key": "x", fresh: "y" } }, NO_CONTACT, {
      ...TICKET,
      notes,
    });
    expect(change).toEqual([
      { op: "test", path: "/notes", value: null },
      { op: "replace", path: "/notes", value: null },
    ]);
  });

  it("hides a record whole whose class is denied before or after", () => {
    const plan = planOf(["ticket", "contact"], ["vip"]);
    const hidden = { dataClass: "vip", ruleIds: ["no-vip"], transform: "null" };
    for (const shown of [
      show({ vip: true, title: "secret" }, plan),
      show({ vip: false, title: "secret" }, plan, { ...TICKET, vip: true }),
    ]) {
      expect(shown).toEqual({
        change: [
          { op: "test", path: "", value: null },
          { op: "replace", path: "", value: null },
        ],
        hidden: [
          { path: "/0/value", ...hidden },
          { path: "/1/value", ...hidden },
        ],
      });
    }
  });

  it("shows nothing to whom no class was decided for", () => {
    const { change, hidden } = show({ title: "New", email: "c@d.com" }, {});
    expect(change.map((one) => "value" in one && one.value)).toEqual([null, null]);
    expect(hidden.map(({ path, dataClass }) => [path, dataClass])).toEqual([
      ["/0/value", "contact"],
      ["/0/value", "ticket"],
      ["/1/value", "contact"],
      ["/1/value", "ticket"],
    ]);
    expect(hidden[0]?.ruleIds).toEqual(["default:data"]);
  });
});
