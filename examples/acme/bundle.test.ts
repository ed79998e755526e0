import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import { describe, expect, it } from "vitest";
import { checkBundle } from "../../src/policy/bundle/check.ts";
import { readBundleFolder } from "../../src/policy/bundle/read-folder.ts";
import { statementsOf } from "../../src/policy/bundle/statements.ts";

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
      'unless { principal == Agent::"ops-agent" };',
      'unless { [Agent::"ops-agent", Agent::"support-agent"].contains(principal) };',
    );
    const checked = checkBundle({ ...base, "policies/action.cedar": without });
    expect(checked.ok ? [] : checked.mistakes.map((mistake) => mistake.code)).toEqual([
      "test_failed",
    ]);
  });
});

describe.each([
  ["billing", "billing"],
  ["billing", "refunds"],
  ["critical", "payroll"],
  ["documents", "library"],
])("the allow-list of the %s connector for %s", (connector, destination) => {
  it("names every statement of the bundle by its digest, and no other", () => {
    const template = parse(text("connectors", `${connector}.jsonc`)) as {
      destinations: { [name: string]: { statements: string[] } };
    };
    const checked = checkBundle(base);
    const digests = statementsOf(checked.ok ? checked.bundle.tools : [])
      .filter((statement) => statement.destination === destination)
      .map(({ digest }) => digest);
    expect(template.destinations[destination]?.statements.toSorted()).toEqual(digests.toSorted());
  });
});
