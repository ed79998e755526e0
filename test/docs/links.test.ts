import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "..", "..");

const documents = execFileSync("git", ["ls-files", "*.md"], { cwd: ROOT, encoding: "utf8" })
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(ROOT, path)));

/** Targets of `[text](target)` and `![text](target)`, without other sites and places in a page. */
function targetsOf(text: string): readonly string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target.split("#")[0] ?? "")
    .filter((target) => target !== "" && !/^[a-z]+:/.test(target));
}

describe("documents", () => {
  it("are found, README among them", () => {
    expect(documents).toContain("README.md");
    expect(targetsOf(readFileSync(join(ROOT, "README.md"), "utf8"))).toContain("docs/concepts.md");
  });

  it.each(documents)("%s links to what is there", (path) => {
    const lost = targetsOf(readFileSync(join(ROOT, path), "utf8")).filter(
      (target) => !existsSync(join(ROOT, dirname(path), target)),
    );
    expect(lost).toEqual([]);
  });
});
