import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../core/model/json.ts";
import { importOpenApi, type Import } from "./import.ts";
import { NOTE_CODES } from "./note.ts";
import { placeTools } from "./place.ts";
import { answers, bundleWithService, ID, imported, TARGET } from "./testing.ts";

function only(result: Import): JsonObject {
  expect(result.notes.filter(({ level }) => level !== "changed")).toEqual([]);
  expect(result.tools).toHaveLength(1);
  return result.tools[0]!.tool;
}

function codes(result: Import): readonly string[] {
  return result.notes.map(({ level, code, pointer }) => `${level} ${code} ${pointer}`);
}

const TEXT = { type: "string" } as const;

describe("an OpenAPI operation as a tool", () => {
  it("puts every parameter into its slot, under the names of both sides", () => {
    const parameters = [
      ID,
      { name: "filter[text]", in: "query", schema: TEXT },
      { name: "ids", in: "query", explode: false, schema: { type: "array", items: TEXT } },
      { name: "tag", in: "query", schema: { type: "array", items: TEXT } },
      { name: "X-Api-Version", in: "header", required: true, schema: TEXT },
      { name: "theme", in: "cookie", schema: TEXT },
      { name: "Authorization", in: "header", schema: TEXT },
    ];
    const body = {
      required: true,
      content: {
        "application/json": {
          schema: { type: "object", properties: { id: TEXT, "the-note": TEXT }, required: ["id"] },
        },
      },
    };
    const result = imported(
      { operationId: "changeThing", parameters, requestBody: body, responses: answers(TEXT) },
      "/things/{id}",
      "patch",
      { servers: [{ url: "https://{region}.example/api/v2/" }] },
    );
    const tool = only(result);
    expect(tool["http"]).toEqual({
      method: "PATCH",
      path: "/api/v2/things/{id}",
      query: [
        { argument: "filterText", name: "filter[text]" },
        { argument: "ids", list: "comma" },
        "tag",
      ],
      headers: [{ argument: "xApiVersion", name: "x-api-version" }],
      cookies: [{ argument: "theme", name: "theme" }],
      body: [
        { argument: "bodyId", name: "id" },
        { argument: "theNote", name: "the-note" },
      ],
    });
    expect(tool["input"]).toMatchObject({
      required: ["id", "xApiVersion", "bodyId"],
      additionalProperties: false,
    });
    expect(result.connector).toEqual({
      methods: ["PATCH"],
      paths: ["/api/v2/things/{id}"],
      requestHeaders: ["cookie", "x-api-version"],
      credentials: [],
    });
  });

  it("takes a body that is no object as one argument", () => {
    const requestBody = {
      content: { "application/json": { schema: { type: "array", items: { type: "integer" } } } },
    };
    const tool = only(imported({ requestBody, responses: {} }, "/things", "post"));
    expect(tool["http"]).toMatchObject({ body: { argument: "body" } });
  });

  it.each([
    ["get", "listThings", "/things", "read"],
    ["post", "searchThings", "/things/search", "read"],
    ["post", "createThing", "/things", "mutate"],
    ["post", "sendThing", "/things/send", "execute"],
    ["put", "replaceThing", "/things", "mutate"],
    ["delete", "deleteThing", "/things", "mutate"],
  ])(
    "guesses what %s %s does, and says that it is a guess",
    (method, operationId, path, action) => {
      const tool = only(imported({ operationId, responses: {} }, path, method));
      expect(tool["action"]).toBe(action);
      expect(tool["review"]).toContain("action");
      expect(tool["writeDomain"]).toBe(action === "read" ? undefined : "svc");
    },
  );

  it("guesses which arguments ask for the rest of a list, for a person to confirm", () => {
    const parameters = ["page[number]", "starting_after", "limit", "pages", "afterlife"].map(
      (name) => ({ name, in: "query", schema: TEXT }),
    );
    const asked = (method: string) =>
      only(imported({ parameters, responses: answers(TEXT) }, "/things", method));
    const list = asked("get");
    expect(list["paging"]).toEqual(["pageNumber", "starting_after", "limit"]);
    expect(list["review"]).toContain("paging");
    expect(asked("put")).not.toHaveProperty("paging");
  });

  it("takes names for warnings: of people, and of what opens doors", () => {
    const record = (...names: readonly string[]): object => ({
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, TEXT])),
    });
    const tierOf = (...names: readonly string[]): unknown =>
      only(imported({ responses: answers(record(...names)) }, "/things"))["tier"];
    expect(tierOf("title", "nextPageToken")).toBe("internal");
    expect(tierOf("title", "contactEmail")).toBe("confidential");
    expect(tierOf("title", "ssn")).toBe("confidential");
    expect(tierOf("email", "api_key")).toBe("critical");
    expect(tierOf("accessToken")).toBe("critical");
    const { output } = only(imported({ responses: answers(record("title", "email")) }, "/things"));
    expect(output).toMatchObject({
      schema: {
        dataClass: "svc.record",
        properties: { title: { type: "string" }, email: { dataClass: "svc.personal" } },
      },
    });
    const low = imported(
      { responses: answers(record("password")) },
      "/things",
      "get",
      {},
      {
        tier: "internal",
      },
    );
    expect(only(low)["tier"]).toBe("internal");
    expect(codes(low)).toEqual(["changed tier_capped /paths/~1things/get"]);
  });

  it("never makes an argument of what the connector injects", () => {
    const result = imported(
      {
        parameters: [ID, { name: "X-Key", in: "header", required: true, schema: TEXT }],
        responses: {},
      },
      "/things/{id}",
      "get",
      {
        security: [{ key: [] }],
        components: { securitySchemes: { key: { type: "apiKey", in: "header", name: "X-Key" } } },
      },
    );
    expect(only(result)["http"]).toEqual({ method: "GET", path: "/things/{id}" });
    expect(result.connector.credentials).toEqual([{ scheme: "key", header: "x-key" }]);
  });

  it("says what a list or a text answers in a form that redaction can walk", () => {
    const output = (schema: object): unknown =>
      only(imported({ responses: answers(schema) }, "/things"))["output"];
    expect(output({ type: "array", items: { type: "object", properties: { a: TEXT } } })).toEqual({
      kind: "json",
      wrap: "items",
      schema: {
        type: "object",
        dataClass: "svc.record",
        properties: {
          items: {
            type: "array",
            items: { type: "object", properties: { a: TEXT }, additionalProperties: false },
          },
        },
        required: ["items"],
        additionalProperties: false,
      },
    });
    expect(output({})).toEqual({ kind: "text", dataClass: "svc.record" });
    expect(output({ type: "object" })).toEqual({ kind: "text", dataClass: "svc.record" });
    expect(only(imported({ responses: { 204: {} } }, "/things"))["output"]).toEqual({
      kind: "binary",
      dataClass: "svc.record",
    });
  });

  it.each<[string, object, object]>([
    ["nullable of 3.0", { type: "string", nullable: true }, { type: ["string", "null"] }],
    ["null of 3.1", { type: ["string", "null"] }, { type: ["string", "null"] }],
    ["null as an alternative", { anyOf: [TEXT, { type: "null" }] }, { type: ["string", "null"] }],
    [
      "scalars as alternatives",
      { oneOf: [TEXT, { type: "integer" }] },
      { type: ["string", "integer"] },
    ],
    ["values without a type", { enum: ["a", "b"] }, { type: "string", enum: ["a", "b"] }],
    [
      "objects as alternatives",
      {
        oneOf: [
          { type: "object", properties: { a: TEXT, b: TEXT }, required: ["a", "b"] },
          { type: "object", properties: { a: TEXT, c: TEXT }, required: ["a"] },
        ],
      },
      {
        type: "object",
        properties: { a: TEXT, b: TEXT, c: TEXT },
        required: ["a"],
        additionalProperties: false,
      },
    ],
    [
      "parts that are one",
      {
        allOf: [
          { type: "object", properties: { a: TEXT }, required: ["a"], additionalProperties: false },
          { properties: { b: TEXT }, required: ["b"] },
        ],
      },
      {
        type: "object",
        properties: { a: TEXT, b: TEXT },
        required: ["a", "b"],
        additionalProperties: false,
      },
    ],
  ])("reads %s", (_, schema, expected) => {
    const output = only(
      imported({ responses: answers({ type: "object", properties: { x: schema } }) }, "/things"),
    )["output"];
    expect(output).toMatchObject({ schema: { properties: { x: expected } } });
  });

  it("names everything that is wrong at once, with its place", () => {
    const document = {
      openapi: "3.0.3",
      paths: {
        "/a/{b}.json": { get: { parameters: [{ ...ID, name: "b" }], responses: {} } },
        "/deep": {
          get: {
            parameters: [
              {
                name: "f",
                in: "query",
                required: true,
                style: "deepObject",
                schema: { type: "object" },
              },
            ],
            responses: {},
          },
          head: { responses: {} },
          put: null,
        },
        "/form": {
          post: {
            requestBody: { required: true, content: { "multipart/form-data": {} } },
            responses: {},
          },
        },
        "/host": {
          get: {
            parameters: [{ name: "Host", in: "header", required: true, schema: TEXT }],
            responses: {},
          },
        },
        // With the first letter taken for the slash it would be another path.
        "xpets/{id}": { get: { parameters: [ID], responses: {} } },
        "x-internal": { get: { responses: {} } },
        "/far": {
          get: {
            responses: { 200: { $ref: "https://evil.example/x.json" }, 201: { $ref: "#/nowhere" } },
          },
        },
      },
    };
    const result = importOpenApi(JSON.stringify(document), TARGET);
    expect(result.ok).toBe(true);
    expect(result.tools.map(({ id }) => id)).toEqual(["svc_get_far"]);
    expect(codes(result).toSorted()).toEqual([
      "changed reference_missing /paths/~1far/get/responses/201",
      "changed reference_remote /paths/~1far/get/responses/200",
      "skipped body_media_type /paths/~1form/post/requestBody",
      "skipped method_unsupported /paths/~1deep/head",
      "skipped operation_malformed /paths/~1deep/put",
      "skipped parameter_reserved /paths/~1host/get/parameters/0",
      "skipped parameter_style /paths/~1deep/get/parameters/0",
      "skipped path_unsupported /paths/xpets~1{id}",
      "skipped path_unsupported /paths/~1a~1{b}.json/get",
    ]);
  });
});

describe("a bundle that has tools already", () => {
  const RESPONSES = answers({ type: "object", properties: { name: TEXT } });
  const before = imported({ operationId: "getThing", parameters: [ID], responses: RESPONSES });

  it("keeps what a person has begun to review, and hears where the document differs", async () => {
    const files = await bundleWithService();
    const path = "tools/svc_get_thing.jsonc";
    const first = placeTools(files, before, TARGET.classOf).writes;
    const text = first[path] ?? "";
    const reviewed = text
      .replace(/"review": \[[^\]]*\]/, '"review": []')
      .replace(/"title": "[^"]*"/, '"title": "Read a thing"')
      .replace('"dataClass": "svc.record"', '"dataClass": "book.record"');
    const have = { ...files, ...first, [path]: reviewed };
    const again = placeTools(have, before, TARGET.classOf);
    expect(again).toEqual({ tools: [{ id: "svc_get_thing", state: "same", at: [] }], writes: {} });

    const after = imported({
      operationId: "getThing",
      parameters: [ID, { name: "full", in: "query", schema: { type: "boolean" } }],
      responses: answers({ type: "object", properties: { name: TEXT, more: TEXT } }),
    });
    expect(placeTools(have, after, TARGET.classOf)).toEqual({
      tools: [
        {
          id: "svc_get_thing",
          state: "differs",
          at: ["/http/query", "/input/properties/full", "/output/schema/properties/more"],
        },
      ],
      writes: {},
    });
    // Untouched, it is still the import's own.
    const placed = placeTools({ ...files, ...first }, after, TARGET.classOf);
    expect(placed.tools.map(({ state }) => state)).toEqual(["updated"]);
    expect(Object.keys(placed.writes)).toEqual([path]);
  });

  it("leaves a file alone that a person changed, though its list of reviews is as it was", async () => {
    const files = await bundleWithService();
    const path = "tools/svc_get_thing.jsonc";
    const first = placeTools(files, before, TARGET.classOf).writes;
    const after = imported({ operationId: "getThing", parameters: [ID], summary: "Newer" });
    const again = (text: string) =>
      placeTools({ ...files, ...first, [path]: text }, after, TARGET.classOf);
    const written = first[path] ?? "";
    expect(again(written).tools.map(({ state }) => state)).toEqual(["updated"]);
    for (const text of [
      written.replace(/"title": "[^"]*"/, '"title": "Read a thing"'),
      written.replace('  "title"', '  // Ask Ada before you change this.\n  "title"'),
      written.replace("\n", "\n\n"),
      // Nobody knows who wrote it.
      written.replace(/^\/\/ sha256:.*\n/m, ""),
      written.replace(/sha256:[0-9a-f]{64}/, `sha256:${"0".repeat(64)}`),
    ]) {
      expect(text).not.toBe(written);
      expect(again(text)).toMatchObject({ tools: [{ state: "differs" }], writes: {} });
    }
  });

  it("declares the classes that are new to it, and keeps every word of its own", async () => {
    const files = await bundleWithService();
    const manifest = placeTools(files, before, TARGET.classOf).writes["bundle.jsonc"] ?? "";
    expect(manifest).toContain("// A library");
    expect(manifest).toContain('"svc.record"');
    expect(manifest.replace(/,\s*"svc\.record": \{[^}]*\}/, "")).toContain('"reader.name"');
  });
});

describe("NOTE_CODES", () => {
  it("are names that scripts may rely on", () => {
    expect(NOTE_CODES).toEqual([
      ...["document_too_big", "document_syntax", "document_too_deep", "version_unsupported"],
      ...["too_many_operations", "nothing_chosen"],
      ...["reference_remote", "reference_missing", "reference_cycle"],
      ...["schema_malformed", "schema_too_big", "schema_merged", "schema_untyped"],
      ...["pattern_dropped", "options_dropped"],
      ...["parameter_malformed", "parameter_name", "parameter_style", "parameter_reserved"],
      ...["body_media_type", "path_unsupported", "method_unsupported", "operation_malformed"],
      ...["id_taken", "response_missing", "tier_capped"],
    ]);
  });
});
