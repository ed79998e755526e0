import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkBundle } from "../src/policy/bundle/check.ts";
import { readBundleFolder } from "../src/policy/bundle/read-folder.ts";

const starter = await readBundleFolder(join(import.meta.dirname, "starter"));
const ACTION = "policies/action.cedar";

/** What `bundle check` says of the starter with one policy rewritten. */
function changed(find: string | RegExp, replace: string): readonly string[] {
  const text = starter[ACTION] ?? "";
  const rewritten = text.replace(find, replace);
  expect(rewritten).not.toBe(text);
  const checked = checkBundle({ ...starter, [ACTION]: rewritten });
  return checked.ok ? [] : checked.mistakes.map(({ code, message }) => `${code}: ${message}`);
}

describe("the bundle to start from", () => {
  it("has no mistake, and its own tests hold", () => {
    expect(checkBundle(starter)).toMatchObject({ ok: true });
  });

  // Its tests are what a team inherits: each rule that this bundle is about must be missed by them.
  it.each([
    ["another label is looked at", 'contains("untrusted-content")', 'contains("pii")'],
    [
      "messages may go out after outsiders' text",
      'forbid (principal, action in [Action::"mutate", Action::"execute"], resource)\nwhen { context.labels',
      'forbid (principal, action == Action::"mutate", resource)\nwhen { context.labels',
    ],
    [
      "one known recipient is enough",
      '["human", "trusted"].containsAll(context.sources.to)',
      'context.sources.to.containsAny(["human", "trusted"])',
    ],
    [
      "recipients out of messages are known",
      '["human", "trusted"].containsAll(context.sources.to)',
      '["human", "trusted", "untrusted"].containsAll(context.sources.to)',
    ],
    [
      "trusted tools are not believed",
      '["human", "trusted"].containsAll(context.sources.to)',
      '["human"].containsAll(context.sources.to)',
    ],
    [
      "one person is enough",
      'context.approvals.contains("review") && context.approvals.contains("owner")',
      'context.approvals.contains("review") || context.approvals.contains("owner")',
    ],
    [
      "no approval helps",
      /unless \{ context\.approvals\.contains\("review"\) \};\n\n\/\/ Whom/,
      ";\n\n// Whom",
    ],
  ])("would not be published if %s", (_, find, replace) => {
    const mistakes = changed(find, replace);
    expect(mistakes.length).toBeGreaterThan(0);
    expect(mistakes.every((one) => one.startsWith("test_failed"))).toBe(true);
  });
});
