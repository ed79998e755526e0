import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkBundle } from "./bundle/check.ts";
import { readBundleFolder } from "./bundle/read-folder.ts";
import { compileBundle } from "./compile.ts";

const GOOD = fileURLToPath(new URL("../../test/fixtures/bundles/good", import.meta.url));

describe("compileBundle", () => {
  it("gives core what deciding needs, and the gateway the rest", async () => {
    const checked = checkBundle(await readBundleFolder(GOOD));
    if (!checked.ok) throw new Error("the good bundle has mistakes");
    const { view, evaluator, agents, tools } = compileBundle(checked.bundle);
    expect(view.digest).toBe(checked.bundle.digest);
    expect(view.toolIds).toEqual([
      "books_find",
      "loans_create",
      "shelves_change",
      "tables_reserve",
      "titles_ask",
      "titles_correct",
      "titles_search",
      "titles_similar",
    ]);
    expect(view.tool("books_find")).toBe(tools[0]?.tool);
    expect(view.trust.map((edge) => edge.id)).toEqual(["staff", "visitors"]);
    expect(agents.get("clerk")?.keys.map((key) => key.alg)).toEqual(["ES256"]);
    const answer = evaluator.evaluate({
      policyClass: "network",
      action: "connect",
      principal: "clerk",
      resource: { type: "Destination", id: "desk" },
      context: {},
    });
    expect(answer).toEqual({ decision: "allow", ruleIds: ["reach-reading-room"], errors: [] });
  });

  it("knows no tool by a name that objects have of themselves", async () => {
    const checked = checkBundle(await readBundleFolder(GOOD));
    if (!checked.ok) throw new Error("the good bundle has mistakes");
    const { view, agents } = compileBundle(checked.bundle);
    for (const name of ["__proto__", "constructor", "toString", "", "books_find "]) {
      expect(view.tool(name)).toBeUndefined();
      expect(agents.get(name)).toBeUndefined();
    }
  });
});
