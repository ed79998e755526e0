import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** Licences whose terms Apache-2.0 software may ship under: permissive, no copyleft. */
const ALLOWED = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
  "Unlicense",
]);

interface Locked {
  readonly dev?: boolean;
  readonly optional?: boolean;
}

const file = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const lock = JSON.parse(file("package-lock.json")) as {
  readonly packages: { readonly [path: string]: Locked };
};

function licenceOf(path: string): string {
  const { license } = JSON.parse(file(`${path}/package.json`)) as { license?: unknown };
  return typeof license === "string" ? license : "(none)";
}

/** `(MIT OR Apache-2.0)`: any one is ours to choose. `AND` names all of them. */
function allowed(expression: string): boolean {
  const plain = expression.replace(/^\((.*)\)$/, "$1");
  if (plain.includes(" AND ")) return plain.split(" AND ").every(allowed);
  return plain.split(" OR ").some((one) => ALLOWED.has(one));
}

describe("licences", () => {
  it("of everything that is shipped are permissive", () => {
    const shipped = Object.entries(lock.packages)
      .filter(([path, { dev }]) => path !== "" && dev !== true)
      .map(([path]) => path)
      // Optional packages of other platforms are locked but not installed.
      .filter(
        (path) =>
          lock.packages[path]?.optional !== true ||
          existsSync(new URL(`../${path}`, import.meta.url)),
      );
    expect(shipped.length).toBeGreaterThan(10);
    const refused = shipped
      .map((path) => `${path} ${licenceOf(path)}`)
      .filter((line) => !allowed(line.slice(line.indexOf(" ") + 1)));
    expect(refused).toEqual([]);
  });

  it("of the project is Apache-2.0, in full", () => {
    const { license } = JSON.parse(file("package.json")) as { license: string };
    expect(license).toBe("Apache-2.0");
    const text = file("LICENSE");
    expect(text).toContain("Apache License\n                           Version 2.0, January 2004");
    expect(text).toContain("END OF TERMS AND CONDITIONS");
  });
});
