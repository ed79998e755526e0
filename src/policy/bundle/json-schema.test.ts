import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Schema, Validator } from "@cfworker/json-schema";
import { beforeAll, describe, expect, it } from "vitest";
import { SOURCES } from "../../core/model/command.ts";
import { isObject, type Json, type JsonObject } from "../../core/model/json.ts";
import { ACTIONS, POLICY_CLASSES, TIERS } from "../../core/model/policy.ts";
import { SIGNALS } from "../../core/model/signal.ts";
import { checkBundle } from "./check.ts";
import { parseJsonc } from "./jsonc.ts";
import { Report } from "./mistake.ts";
import { DESTINATION_KINDS, HTTP_METHODS, type BundleFiles } from "./model.ts";
import { readBundleFolder } from "./read-folder.ts";
import { SourceFile } from "./source-file.ts";
import { parseYaml } from "./yaml.ts";

const root = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const schema = (name: string): JsonObject =>
  JSON.parse(readFileSync(root(`schema/${name}.schema.json`), "utf8")) as JsonObject;

/** Which schema an editor uses for which file. */
const SCHEMAS: readonly (readonly [string, string])[] = [
  ["bundle.jsonc", "bundle"],
  ["agents.jsonc", "agents"],
  ["trust.jsonc", "trust"],
  ["tools/books_find.jsonc", "tool"],
  ["tools/loans_create.jsonc", "tool"],
  ["tools/titles_similar.jsonc", "tool"],
  ["tools/shelves_change.jsonc", "tool"],
  ["tools/titles_search.jsonc", "tool"],
  ["tools/tables_reserve.jsonc", "tool"],
  ["tools/titles_ask.jsonc", "tool"],
  ["tools/titles_correct.jsonc", "tool"],
  ["policies/tests.yaml", "tests"],
];

let good: BundleFiles;
beforeAll(async () => {
  good = await readBundleFolder(root("test/fixtures/bundles/good"));
});

function parsed(path: string, text: string): Json {
  const parse = path.endsWith(".yaml") ? parseYaml : parseJsonc;
  return parse(new SourceFile(path, text), new Report())?.value ?? null;
}

function accepts(name: string, value: Json): boolean {
  return new Validator(schema(name) as Schema, "2020-12").validate(value).valid;
}

/** Closed objects of a schema with their property names, by where they stand. */
function closedObjects(node: Json, at: string): readonly (readonly [string, readonly string[]])[] {
  if (Array.isArray(node)) {
    return (node as readonly Json[]).flatMap((item, index) =>
      closedObjects(item, `${at}/${index}`),
    );
  }
  if (!isObject(node)) return [];
  const properties = node["properties"];
  const here =
    node["additionalProperties"] === false && isObject(properties)
      ? [[at, Object.keys(properties)] as const]
      : [];
  return [
    ...here,
    ...Object.entries(node).flatMap(([key, value]) => closedObjects(value, `${at}/${key}`)),
  ];
}

describe("the JSON Schemas for editors", () => {
  it.each(SCHEMAS)("accept %s of a good bundle", (path, name) => {
    expect(accepts(name, parsed(path, good[path] ?? ""))).toBe(true);
  });

  it.each(SCHEMAS)("refuse an unknown key in %s, as the check does", (path, name) => {
    const value = parsed(path, good[path] ?? "");
    expect(accepts(name, { ...(value as JsonObject), zzqqzz: 1 })).toBe(false);
  });

  // The check lists every key it knows when it meets one that looks like none of them.
  it.each([
    ["bundle.jsonc", "bundle", "", '"name"'],
    ["bundle.jsonc", "bundle", "/properties/destinations/additionalProperties", '"kind"'],
    [
      "bundle.jsonc",
      "bundle",
      "/properties/destinations/additionalProperties/properties/relations/additionalProperties",
      '"columns"',
    ],
    [
      "bundle.jsonc",
      "bundle",
      "/properties/destinations/additionalProperties/properties/relations/additionalProperties/properties/columns/additionalProperties",
      '"type": "integer"',
    ],
    ["bundle.jsonc", "bundle", "/properties/approvals/additionalProperties", '"lifeMinutes"'],
    ["bundle.jsonc", "bundle", "/properties/containment/items", '"signal"'],
    ["agents.jsonc", "agents", "", '"agents"'],
    [
      "agents.jsonc",
      "agents",
      "/properties/agents/additionalProperties/properties/keys/items",
      '"kid"',
    ],
    ["trust.jsonc", "trust", "/properties/edges/items", '"id"'],
    ["trust.jsonc", "trust", "/properties/edges/items/properties/limits", '"calls"'],
    ["trust.jsonc", "trust", "/properties/delegations/items", '"from"'],
    ["trust.jsonc", "trust", "/properties/delegations/items/properties/limits", '"calls": 3'],
    ["tools/books_find.jsonc", "tool", "", '"id"'],
    ["tools/books_find.jsonc", "tool", "/properties/sql", '"statement"'],
    ["tools/loans_create.jsonc", "tool", "/properties/http", '"method"'],
    ["tools/titles_ask.jsonc", "tool", "/properties/query", '"statement"'],
    ["tools/titles_search.jsonc", "tool", "/properties/search/anyOf/0", '"mode"'],
    ["tools/titles_similar.jsonc", "tool", "/properties/search/anyOf/1", '"mode"'],
    ["tools/shelves_change.jsonc", "tool", "/properties/undo", '"tool"'],
    ["tools/shelves_change.jsonc", "tool", "/properties/sql/properties/preview", '"ignore"'],
    ["tools/tables_reserve.jsonc", "tool", "/properties/http/properties/preview", '"apply"'],
    ["tools/books_find.jsonc", "tool", "/$defs/output", '"dataClass": "book.record"'],
    ["policies/tests.yaml", "tests", "/properties/tests/items", "agent: librarian"],
  ])("know the same keys as the check: %s %s%s", (path, name, at, before) => {
    const key = path.endsWith(".yaml") ? "zzqqzz: 1\n    " : '"zzqqzz": 1, ';
    const text = (good[path] ?? "").replace(before, () => key + before);
    const checked = checkBundle({ ...good, [path]: text });
    const mistake = checked.ok ? undefined : checked.mistakes.find((one) => one.fix.includes(": "));
    const known = mistake?.fix.split(": ")[1]?.split(", ") ?? [];
    expect(known.length).toBeGreaterThan(0);
    const described = closedObjects(schema(name), "").find(([where]) => where === at)?.[1] ?? [];
    expect(described.filter((one) => one !== "$schema").toSorted()).toEqual(known.toSorted());
  });

  it("offer the values the code knows", () => {
    const text = readdirSync(root("schema"))
      .map((file) => readFileSync(root(`schema/${file}`), "utf8"))
      .join("");
    for (const values of [
      ...[TIERS, ACTIONS, POLICY_CLASSES, DESTINATION_KINDS, HTTP_METHODS],
      ...[SIGNALS, SOURCES],
    ]) {
      expect(text.replaceAll(/\s+/g, "")).toContain(JSON.stringify({ enum: values }).slice(1, -1));
    }
  });
});
