import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Described, referencePage } from "./reference-page.ts";

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** A page that differs is made anew by `npx vitest run test/docs/reference.test.ts -u`. */
describe.each([
  ["connector.jsonc", "connector"],
  ["postern.jsonc", "gateway"],
])("the reference of %s", (file, name) => {
  const schema = JSON.parse(read(`schema/${name}.schema.json`)) as Described;

  it("is what its schema says", async () => {
    const page = referencePage(file, `${name}.schema.json`, schema);
    await expect(page).toMatchFileSnapshot(`../../docs/reference/${name}.md`);
  });

  it("says of each member what it is", () => {
    const silent: string[] = [];
    const walk = (node: unknown, at: string): void => {
      if (typeof node !== "object" || node === null) return;
      for (const [key, one] of Object.entries(node)) walk(one, `${at}/${key}`);
      for (const [key, one] of Object.entries((node as Described).properties ?? {})) {
        const fixed = one.const !== undefined;
        if (!fixed && (one.description ?? "").length < 10) silent.push(`${at} ${key}`);
      }
    };
    walk(schema, "");
    expect(silent).toEqual([]);
  });
});
