import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import { describe, expect, it } from "vitest";
import { checkBundle } from "../../src/policy/bundle/check.ts";
import { readBundleFolder } from "../../src/policy/bundle/read-folder.ts";

const at = (...path: string[]): string => join(import.meta.dirname, ...path);
const text = (...path: string[]): string => readFileSync(at(...path), "utf8");

const base = await readBundleFolder(at("bundle"));
const frozen = {
  ...base,
  "policies/action.cedar": text("bundle-frozen", "policies", "action.cedar"),
  "policies/tests.yaml": text("bundle-frozen", "policies", "tests.yaml"),
};

describe("the bundles of Acme", () => {
  it("have no mistake, and their own tests hold", () => {
    expect(checkBundle(base)).toMatchObject({ ok: true });
    expect(checkBundle(frozen)).toMatchObject({ ok: true });
  });

  it("differ in exactly one rule", () => {
    const action = base["policies/action.cedar"] ?? "";
    expect(frozen["policies/action.cedar"].startsWith(action)).toBe(true);
    const added = frozen["policies/action.cedar"].slice(action.length);
    expect(added.match(/@id\("[^"]+"\)/g)).toEqual(['@id("tickets-are-frozen")']);
  });

  it("would not be published if a rule that its tests pin were gone", () => {
    const without = (base["policies/action.cedar"] ?? "").replace(
      '@id("payroll-is-off-limits")\nforbid',
      '@id("payroll-is-off-limits")\npermit',
    );
    const checked = checkBundle({ ...base, "policies/action.cedar": without });
    expect(checked.ok ? [] : checked.mistakes.map((mistake) => mistake.code)).toEqual([
      "test_failed",
    ]);
  });
});

describe("the allow-list of the billing connector", () => {
  it("names every billing statement of the bundle by its digest, and no other", () => {
    const template = parse(text("connectors", "billing.jsonc")) as {
      destinations: { billing: { statements: string[] } };
    };
    const digests = Object.entries(base)
      .filter(([path]) => path.startsWith("tools/"))
      .map(([, tool]) => parse(tool) as { destination: string; sql?: { statement: string } })
      .filter((tool) => tool.destination === "billing")
      .map((tool) =>
        createHash("sha256")
          .update(tool.sql?.statement ?? "")
          .digest("hex"),
      );
    expect(template.destinations.billing.statements.toSorted()).toEqual(digests.toSorted());
  });
});
