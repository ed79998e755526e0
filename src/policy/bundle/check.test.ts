import { beforeAll, describe, expect, it } from "vitest";
import { preparsePolicySet, statefulIsAuthorized } from "../cedar/engine.ts";
import { checkBundle } from "./check.ts";
import { formatMistakes, type Mistake } from "./mistake.ts";
import type { BundleFiles, BundleSource } from "./model.ts";
import { goodBundle, spoilt } from "./testing.ts";

let good: BundleFiles;
beforeAll(async () => {
  good = await goodBundle();
});

function checked(files: BundleFiles): BundleSource {
  const result = checkBundle(files);
  if (!result.ok) throw new Error(formatMistakes(result.mistakes));
  return result.bundle;
}

const spoil = (path: string, from: string | null, to: string): readonly Mistake[] =>
  spoilt(good, path, from, to);

/** What an editor shows at the place of a mistake. */
function textAt(text: string, { line, column }: Mistake): string {
  return text
    .split("\n")
    .slice(line - 1)
    .join("\n")
    .slice(column - 1);
}

function briefly(mistakes: readonly Mistake[]): readonly string[] {
  return mistakes.map(({ file, line, column, code }) => `${file}:${line}:${column} ${code}`);
}

const slots = (...names: readonly string[]): readonly object[] =>
  names.map((name) => ({ argument: name, name, form: "plain" }));

describe("checkBundle", () => {
  it("accepts a bundle without mistakes and describes it", () => {
    const bundle = checked(good);
    expect(bundle.name).toBe("library");
    expect(bundle.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(bundle.trust[0]?.claims).toEqual({
      groups: ["staff"],
      "https://library.example/role": ["lender"],
    });
    expect(bundle.trust[1]?.maxLifeMs).toBe(600_000);
    expect(bundle.writeDomains).toEqual([{ id: "loans", critical: true }]);
    expect(bundle.approvalKinds).toEqual([
      { id: "shelf-lead", title: "A shelf lead agrees", lifeMs: 3_600_000, selfApproval: true },
    ]);
    expect(bundle.containment).toMatchObject([{ id: "catalog-drift", withinMs: 60_000 }]);
    expect(bundle.delegations).toMatchObject([
      { limits: { calls: 3, tokens: 1_000, tools: { books_find: 2 } }, maxLifeMs: 300_000 },
    ]);
    const [find, lend, move, reserve, , , search, similar] = bundle.tools;
    expect(search).toMatchObject({
      tool: { action: "summarize", dataClasses: ["book.record", "reader.name"], preview: null },
      template: { kind: "search", mode: "text", index: { kind: "http", path: "/v1/search" } },
      output: { kind: "json", schema: { properties: { rows: { maxItems: 100 } } } },
    });
    expect(similar).toMatchObject({
      tool: { dataClasses: ["book.record", "book.restricted"] },
      template: { mode: "vector", limit: "limit", index: { kind: "postgres" } },
    });
    expect(move).toMatchObject({
      tool: { sourceArguments: ["shelf"], preview: ["book.record"] },
      target: ["book"],
      undo: { tool: "shelves_change", arguments: { book: "/arguments/book" } },
      template: { preview: { params: ["book"], ignore: ["moved"] } },
    });
    expect(reserve).toMatchObject({
      tool: { trusted: true, agent: "clerk", preview: ["reader.name"] },
      template: { idempotencyHeader: "Idempotency-Key", preview: { apply: "merge", etag: true } },
    });
    expect(find?.tool).toMatchObject({
      id: "books_find",
      destination: "catalog",
      dataClasses: ["book.record", "book.restricted", "reader.name"],
      labels: ["reader-data"],
      policyArguments: ["year", "shelves"],
    });
    expect(find?.tool.definition).toMatch(/^[0-9a-f]{64}$/);
    expect(find?.tool).not.toHaveProperty("writeDomain");
    expect(find?.template).toMatchObject({ kind: "sql", mode: "read", maxRows: 50 });
    expect(find?.destination).toEqual({
      id: "catalog",
      kind: "postgres",
      network: "reading-room",
      tier: "internal",
    });
    expect(lend?.template).toEqual({
      kind: "http",
      method: "POST",
      path: "/books/{book}/loans",
      query: slots("express"),
      headers: [],
      cookies: [],
      encoding: "json",
      body: slots("reader", "days"),
      idempotencyHeader: null,
      idempotencyMinutes: null,
      preview: null,
    });
    expect(lend?.output).toEqual({ kind: "text", dataClass: "book.record" });
  });

  it("accepts Windows line ends and reports the same lines with them", () => {
    const crlf = Object.fromEntries(
      Object.entries(good).map(([path, text]) => [path, text.replaceAll("\n", "\r\n")]),
    );
    expect(checked(crlf).digest).toBe(checked(good).digest);
    const path = "policies/budget.cedar";
    const broken = { ...crlf, [path]: crlf[path]?.replace("context.calls", "context.cals") ?? "" };
    const result = checkBundle(broken);
    const [mistake] = result.ok ? [] : result.mistakes;
    expect(mistake?.code).toBe("cedar_invalid");
    expect(mistake && textAt(good[path] ?? "", mistake)).toMatch(/^context\.calls > 3/);
  });

  it("ignores notes and dot files, and refuses every other stray file", () => {
    const notes = { ...good, "README.md": "# x", ".git/config": "x", "tools/.draft.jsonc": "{" };
    expect(checked(notes).digest).toBe(checked(good).digest);
    const stray = checkBundle({ ...good, "tools/a.json": "{}", "tools/a/b.jsonc": "{}" });
    expect(stray.ok ? [] : briefly(stray.mistakes)).toEqual([
      "tools/a.json:1:1 file_unknown",
      "tools/a/b.jsonc:1:1 file_unknown",
    ]);
  });

  it("reports broken syntax of several files together", () => {
    const broken = checkBundle({
      ...good,
      "bundle.jsonc": '{ "name": "x",, }',
      "trust.jsonc": "",
      "policies/data.cedar": "permit",
      "policies/tests.yaml": "tests: [",
    });
    const codes = broken.ok ? [] : broken.mistakes.map((one) => `${one.file} ${one.code}`);
    expect(codes).toContain("bundle.jsonc jsonc_syntax");
    expect(codes).toContain("trust.jsonc jsonc_syntax");
    expect(codes).toContain("policies/data.cedar cedar_syntax");
    expect(codes).toContain("policies/tests.yaml yaml_syntax");
    // Nothing that only follows from the missing declarations.
    expect(codes.filter((code) => /unknown/.test(code))).toEqual([]);
  });

  it("names every missing file of an empty folder", () => {
    const result = checkBundle({});
    expect(result.ok ? [] : result.mistakes.map((one) => `${one.code} ${one.file}`)).toEqual([
      "file_missing agents.jsonc",
      "file_missing bundle.jsonc",
      "file_missing policies/action.cedar",
      "file_missing policies/authority.cedar",
      "file_missing policies/budget.cedar",
      "file_missing policies/data.cedar",
      "file_missing policies/network.cedar",
      "file_missing policies/tests.yaml",
      "file_missing trust.jsonc",
    ]);
  });

  // Code and the text that begins at the reported place.
  it.each([
    [
      "a __proto__ key",
      "bundle.jsonc",
      '"name"',
      '"__proto__": {}, "name"',
      "forbidden_key",
      '"__proto__"',
    ],
    [
      "a direction override",
      "policies/data.cedar",
      "book.record",
      "book.re\u202ecord",
      "hidden_character",
      "\u202ecord",
    ],
    ["a lone carriage return", "policies/data.cedar", "@id", "// x\r@id", "hidden_character", "\r"],
    [
      "text in tag characters",
      "tools/books_find.jsonc",
      "Finds",
      "\u{e0041}Finds",
      "hidden_character",
      "\u{e0041}",
    ],
    ["a byte order mark", "agents.jsonc", "{", "\ufeff{", "hidden_character", "\ufeff{"],
    ["an alias", "policies/tests.yaml", "[no-long-loans]", "*x", "yaml_feature", "*x"],
    [
      "an anchor",
      "policies/tests.yaml",
      "a clerk does not lend",
      "&a a clerk",
      "yaml_feature",
      "a clerk",
    ],
    ["a tag", "policies/tests.yaml", "calls: 3", "calls: !!str 3", "yaml_feature", "3"],
    [
      "a number as a key",
      "policies/tests.yaml",
      "calls: 3",
      "3: calls",
      "yaml_feature",
      "3: calls",
    ],
    [
      "an infinite number",
      "policies/tests.yaml",
      "calls: 3",
      "calls: .inf",
      "yaml_feature",
      ".inf",
    ],
    [
      "a policy from the wrong class",
      "policies/data.cedar",
      'Action::"disclose"',
      'Action::"read"',
      "policy_wrong_class",
      '"read"',
    ],
    ["a long title", "bundle.jsonc", '"Books"', `"${"x".repeat(201)}"`, "too_long", '"xxx'],
    [
      "an unguarded optional attribute",
      "policies/budget.cedar",
      "resource);",
      'resource) when { resource.writeDomain == "loans" };',
      "cedar_invalid",
      "resource.writeDomain",
    ],
    [
      "a string that does not end",
      "tools/books_find.jsonc",
      "author = $1",
      "author = '$1",
      "sql_statement",
      '"select',
    ],
    [
      "a second column beside rows",
      "tools/books_find.jsonc",
      '"rows": {',
      '"n": { "type": "null", "dataClass": "book.record" }, "rows": {',
      "sql_output",
      "{",
    ],
    [
      "a null among policy arguments",
      "tools/loans_create.jsonc",
      '"type": "boolean"',
      '"type": ["boolean", "null"]',
      "policy_argument_type",
      '"express"',
    ],
  ])("refuses %s", (_what, path, from, to, code, there) => {
    const spoilt = (good[path] ?? "").replace(from, () => to);
    expect(spoilt).not.toBe(good[path]);
    const found = spoil(path, from, to).filter((one) => one.code === code);
    expect(found.map((one) => textAt(spoilt, one).slice(0, there.length))).toContain(there);
  });

  it("survives nesting that would overflow a parser's stack", () => {
    const deep = "[".repeat(200_000);
    expect(spoil("bundle.jsonc", null, deep)[0]?.code).toBe("too_deep");
    expect(spoil("policies/tests.yaml", null, `tests: ${deep}`)[0]?.code).toBe("too_deep");
    expect(spoil("policies/tests.yaml", null, "- ".repeat(100_000))[0]?.code).toBe("too_deep");
    const parens = `@id("x") permit (principal, action, resource) when { ${"(".repeat(3_000)}`;
    expect(spoil("policies/data.cedar", null, `${parens};`)[0]?.code).toBe("too_deep");
  });

  it("refuses a pointer of many slashes without trying every way to read them", () => {
    const undo = `"undo": { "tool": "loans_create", "arguments": { "book": "${"/".repeat(900)}~" } }`;
    const found = spoil("tools/loans_create.jsonc", '"cost"', `${undo}, "cost"`);
    expect(found.map(({ code }) => code)).toEqual(["wrong_value"]);
  });

  it("bounds files, policies and their number", () => {
    expect(spoil("bundle.jsonc", null, " ".repeat(1_048_577))[0]?.code).toBe("file_too_big");
    const long = `@id("x") permit (principal, action, resource) when { ${"true && ".repeat(2_000)} true };`;
    expect(spoil("policies/data.cedar", null, long)[0]?.code).toBe("too_long");
    const many = "permit (principal, action, resource);".repeat(1_001);
    expect(spoil("policies/data.cedar", null, many)[0]?.code).toBe("policies_too_many");
  });

  it.each([
    ["a chain", (n: number) => `${"true && ".repeat(n)}true`, 195],
    ["nested brackets", (n: number) => `${"(".repeat(n)}true${")".repeat(n)}`, 65],
    ["nested sets", (n: number) => `${"[".repeat(n)}1${"]".repeat(n)} == 1`, 64],
    [
      "nested conditions",
      (n: number) => `${"if true then ".repeat(n)}true${" else false".repeat(n)}`,
      195,
    ],
    [
      "conditions of conditions",
      (n: number) => `${"if ".repeat(n)}true${" then true else false".repeat(n)}`,
      195,
    ],
    ["negations", (n: number) => `${"!(".repeat(n)}true${")".repeat(n)}`, 48],
    // Parsed side by side, and evaluated one inside the other.
    ["clauses", (n: number) => `true }${" unless { false }".repeat(n)} when { true`, 194],
  ])("refuses %s before the engine's stack ends, and not much earlier", (_what, write, most) => {
    const policy = (n: number): string =>
      `@id("x") permit (principal, action == Action::"disclose", resource) when { ${write(n)} };`;
    const codes = (n: number): readonly string[] =>
      spoil("policies/data.cedar", null, policy(n)).map((one) => one.code);
    expect(codes(most)).not.toContain("too_deep");
    expect(codes(most + 1)).toContain("too_deep");
    expect(checkBundle(good).ok).toBe(true);
    expect(evaluated(policy(most))).toMatch(/^(allow|deny)$/);
  });

  it("asks for tests", () => {
    expect(briefly(spoil("policies/tests.yaml", null, "tests: []\n"))).toEqual([
      "policies/tests.yaml:1:1 tests_missing",
    ]);
  });

  it("refuses an effect behind GET, which a connector would report as harmless", () => {
    const mistakes = spoil("tools/loans_create.jsonc", '"method": "POST"', '"method": "GET"');
    expect(briefly(mistakes).map((line) => line.split(" ")[1])).toContain(
      "effect_with_read_method",
    );
  });

  it("refuses an argument that clients would mirror into an HTTP header", () => {
    const mistakes = spoil(
      "tools/loans_create.jsonc",
      '"type": "integer", "minimum": 1 }',
      '"type": "integer", "minimum": 1, "x-mcp-header": "Book" }',
    );
    expect(briefly(mistakes).map((line) => line.split(" ")[1])).toEqual(["schema_keyword"]);
  });

  it("accepts names that only JSON Schema's applicators need", () => {
    const input = `"input": {
      "$schema": "https://json-schema.org/draft/2020-12/schema",
      "type": "object",
      "$defs": { "id": { "$anchor": "id", "type": "integer" } },
      "properties": {
        "book": { "type": "integer" }, "reader": { "type": "string" },
        "days": { "type": "integer", "x-hint": 1 }, "express": { "type": "boolean" },
        "by": { "$ref": "#/$defs/id" }
      },
      "allOf": [{ "anyOf": [{ "required": ["days"] }, { "required": ["express"] }] }],
      "if": { "properties": { "express": { "const": true } } }, "then": { "required": ["days"] },
      "required": ["book", "reader"],
      "additionalProperties": false
    }, "output"`;
    const path = "tools/loans_create.jsonc";
    const before = good[path] ?? "";
    const text = before
      .replace(/"input":[^]*"output"/, () => input)
      .replace('["reader", "days"]', '["reader", "days", "by"]');
    expect(checked({ ...good, [path]: text }).tools).toHaveLength(8);
  });

  it("keeps a mistake in agents.jsonc from hiding what the tests say", () => {
    const result = checkBundle({
      ...good,
      "agents.jsonc": good["agents.jsonc"]?.replace('"Clerk"', '""') ?? "",
      "policies/action.cedar": good["policies/action.cedar"]?.replace("> 30", "> 60") ?? "",
    });
    expect(result.ok ? [] : briefly(result.mistakes)).toEqual([
      "agents.jsonc:17:16 too_short",
      "policies/tests.yaml:19:5 test_failed",
    ]);
  });
});

describe("formatMistakes", () => {
  it("writes file:line:col, code, message and fix", () => {
    expect(formatMistakes(spoil("bundle.jsonc", '"labels"', '"lables"')).split("\n")[2]).toBe(
      'bundle.jsonc:34:3 unknown_key unknown key "lables"',
    );
    expect(formatMistakes([])).toBe("");
  });

  it("shows terminal commands in names as text, and cuts long ones", () => {
    const hostile = spoil("bundle.jsonc", '"library"', '"\\u001b[2J\\u202e"');
    expect(formatMistakes(hostile)).toContain('bad_id "\\u{1b}[2J\\u{202e}" is not');
    const long = spoil("bundle.jsonc", '"library"', `"${"x".repeat(5_000)}"`);
    expect(formatMistakes(long).length).toBeLessThan(1_000);
  });
});

/** What the engine says of one policy; a trap throws, now and ever after. */
function evaluated(text: string): string {
  const id = `test ${text}`;
  preparsePolicySet(id, { staticPolicies: { x: text } });
  const uid = (type: string): { type: string; id: string } => ({ type, id: "x" });
  const answer = statefulIsAuthorized({
    principal: uid("Agent"),
    action: { type: "Action", id: "disclose" },
    resource: uid("DataClass"),
    context: {},
    preparsedPolicySetId: id,
    entities: [],
  });
  return answer.type === "success" ? answer.response.decision : answer.type;
}
