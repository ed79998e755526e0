import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkBundle } from "../bundle/check.ts";
import { importOpenApi } from "./import.ts";
import { placeTools } from "./place.ts";
import { bundleWithService, TARGET } from "./testing.ts";

/**
 * Documents that real services publish, from the packages that ship them. The numbers are of exactly
 * these versions: one that moves is a change of what the import takes for sendable.
 */
const DOCUMENTS: readonly (readonly [string, number, { readonly [code: string]: number }])[] = [
  // 8.6 MB of JSON, everything unfolded in place.
  ["shipengine-openapi/openapi.json", 76, {}],
  ["rclone-openapi/openapi.json", 101, {}],
  ["@digdir/dialogporten-schema/swagger.verified.json", 29, {}],
  ["@blockfrost/openapi/openapi.yaml", 126, { path_unsupported: 1, body_media_type: 2 }],
  ["@figma/rest-api-spec/openapi/openapi.yaml", 54, {}],
];

function documentOf(path: string): string {
  return readFileSync(new URL(`../../../node_modules/${path}`, import.meta.url), "utf8");
}

describe("a document of a real service", () => {
  it.each(DOCUMENTS)("becomes tools that a bundle accepts: %s", async (path, count, skipped) => {
    const text = documentOf(path);
    const first = importOpenApi(text, TARGET);
    expect(first.ok).toBe(true);
    expect(first.tools).toHaveLength(count);
    const codes: Record<string, number> = {};
    for (const { level, code } of first.notes) {
      if (level === "skipped") codes[code] = (codes[code] ?? 0) + 1;
    }
    expect(codes).toEqual(skipped);

    const files = await bundleWithService();
    const placed = placeTools(files, first, TARGET.classOf);
    expect(new Set(placed.tools.map(({ state }) => state))).toEqual(new Set(["new"]));
    const checked = checkBundle({ ...files, ...placed.writes });
    expect(checked.ok ? [] : checked.mistakes.slice(0, 5)).toEqual([]);
    if (!checked.ok) return;
    const tools = checked.bundle.tools.filter(({ destination }) => destination.id === "svc");
    expect(tools).toHaveLength(count);
    // Every one of them waits for a person.
    expect(tools.filter(({ tool }) => tool.reviewed)).toEqual([]);

    // The same bytes again, and nothing left to do.
    const second = placeTools({ ...files, ...placed.writes }, first, TARGET.classOf);
    expect(new Set(second.tools.map(({ state }) => state))).toEqual(new Set(["unchanged"]));
    expect(second.writes).toEqual({});
  });
});
