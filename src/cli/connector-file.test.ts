import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { DestinationDescription } from "../policy/bundle/model.ts";
import { checkBundle } from "../policy/bundle/check.ts";
import { bundleFiles } from "./bundle-files.ts";
import { checkConnectors, CONNECTOR_MISTAKES } from "./connector-file.ts";

const destinations: readonly DestinationDescription[] = [
  { id: "tickets", kind: "http", network: "acme", tier: "internal" },
  { id: "payroll", kind: "postgres", network: "acme", tier: "critical" },
];
const file = (tier: string, listed: object, network = "acme"): string =>
  JSON.stringify({ network, tier, stateDir: "./s", destinations: listed }, null, 2);
const check = (...files: readonly string[]) =>
  checkConnectors(destinations, new Map(files.map((text, n) => [`c${n}.jsonc`, text])));

describe("connector files against a bundle", () => {
  it("say nothing where each destination has a connector of its own network and tier", () => {
    expect(
      check(
        file("internal", { tickets: { kind: "http" }, "of-another-bundle": { kind: "http" } }),
        file("critical", { payroll: { kind: "postgres" } }),
      ),
    ).toEqual([]);
  });

  it("do not let a critical destination into a process of a lower tier, or any other way round", () => {
    const both = { tickets: { kind: "http" }, payroll: { kind: "postgres" } };
    expect(check(file("internal", both))).toMatchObject([
      { code: "connector_other_tier", file: "c0.jsonc", line: 9, column: 16 },
      { code: "destination_unserved", message: expect.stringContaining("payroll") as string },
    ]);
    expect(check(file("critical", both)).map(({ code }) => code)).toEqual([
      ...["connector_other_tier", "destination_unserved"],
    ]);
  });

  it("name other networks, other kinds, what nobody serves, and what is no connector file", () => {
    expect(
      check(file("internal", { tickets: { kind: "postgres" } })).map(({ code }) => code),
    ).toEqual([...["connector_other_kind", "destination_unserved"]]);
    expect(check(file("internal", {}, "office")).map(({ code }) => code)).toEqual([
      ...["connector_other_place", "destination_unserved", "destination_unserved"],
    ]);
    for (const text of ["", "[]", '{"network": "acme"}', "{"]) {
      expect(check(text)[0]).toMatchObject({ code: "connector_unreadable", line: 1 });
    }
  });

  it("of Acme serve everything that its bundle names", async () => {
    const acme = fileURLToPath(new URL("../../examples/acme", import.meta.url));
    const checked = checkBundle(await bundleFiles(`${acme}/bundle`));
    const folder = `${acme}/connectors`;
    const files = readdirSync(folder)
      .filter((name) => name.endsWith(".jsonc"))
      .map((name) => [name, readFileSync(`${folder}/${name}`, "utf8")] as const);
    expect(files.length).toBeGreaterThan(1);
    expect(checked.ok && checkConnectors(checked.bundle.destinations, new Map(files))).toEqual([]);
  });

  it("have these codes", () => {
    expect(CONNECTOR_MISTAKES).toEqual([
      "connector_unreadable",
      "connector_other_place",
      "connector_other_tier",
      "connector_other_kind",
      "destination_unserved",
    ]);
  });
});
