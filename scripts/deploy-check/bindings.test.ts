import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { checkBundle } from "../../src/policy/bundle/check.ts";
import type { BundleSource } from "../../src/policy/bundle/model.ts";
import { readBundleFolder } from "../../src/policy/bundle/read-folder.ts";
import { checkBindings, placeholders } from "./bindings.ts";
import { checkSize, MAX_WORKER_BYTES } from "./build.ts";
import { readEnvironment } from "./environment.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILE = readFileSync(`${ROOT}/wrangler.jsonc`, "utf8");

let acme: BundleSource;
beforeAll(async () => {
  const checked = checkBundle(await readBundleFolder(`${ROOT}/examples/acme/bundle`));
  if (!checked.ok) throw new Error("the bundle of Acme is wrong");
  acme = checked.bundle;
});

/** The repository's own environment, with one text of its file replaced by another. */
function refusals(
  change: readonly (readonly [text: string, by: string])[] = [],
  bundles: ReadonlyMap<string, BundleSource> = new Map([["acme", acme]]),
) {
  let text = FILE.slice(FILE.indexOf('"production"'));
  const before = FILE.slice(0, FILE.length - text.length);
  for (const [from, to] of change) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  return checkBindings(readEnvironment(before + text, "production")!, bundles);
}

const codes = (...args: Parameters<typeof refusals>): readonly string[] =>
  refusals(...args).map(({ code }) => code);

const OFFICE = /\{[^{}]*"binding": "MESH",\s*"address"[^{}]*\},/.exec(FILE)![0];
const ADDRESS = '"address": "http://100.96.0.7:7070",';
const MESH = '"vpc_networks": [{ "binding": "MESH", "network_id": "cf1:network" }],';

describe("what is to be deployed", () => {
  it("is in order as it stands in the repository, but for services that nobody registered", () => {
    expect(refusals()).toEqual([]);
    expect(placeholders(readEnvironment(FILE, "production")!)).toEqual([
      "ACME_BILLING",
      "ACME_CRITICAL",
      "ACME_DOCUMENTS",
    ]);
  });

  it("leaves out no destination that a tool goes to, and says which tools", () => {
    const found = refusals([
      [OFFICE, ""],
      [MESH, ""],
    ]);
    expect(found.map(({ code }) => code)).toEqual([
      "destination_unbound",
      "destination_unbound",
      "destination_unbound",
    ]);
    expect(found[0]!.message).toBe(
      "acme: tickets_create, tickets_get, tickets_list, tickets_set_status go to tickets, of network office and tier internal, and no binding leads to a connector there",
    );
    expect(found[0]!.fix).toBe(
      'add a connector with "network": "office", "tier": "internal" and its binding',
    );
  });

  it("needs no way to a destination that no tool goes to", () => {
    const idle = { ...acme, tools: [] };
    const change = [
      [OFFICE, ""],
      [MESH, ""],
    ] as const;
    expect(codes(change, new Map([["acme", idle]]))).toEqual([]);
  });

  it.each([
    [
      "another tier",
      '"network": "acme", "tier": "critical"',
      '"network": "acme", "tier": "public"',
    ],
    [
      "another network",
      '"network": "acme", "tier": "critical"',
      '"network": "acne", "tier": "critical"',
    ],
  ])("has a connector of its own for each network and tier: %s is no way", (_, from, to) => {
    expect(new Set(codes([[from, to]]))).toEqual(new Set(["destination_unbound"]));
  });

  it.each<readonly [string, readonly string[], readonly (readonly [string, string])[]]>([
    ["a binding that there is not", ["binding_unknown"], [[MESH, ""]]],
    [
      "a way into a network that nobody needs",
      ["binding_unused"],
      [[MESH, MESH.replace("}]", '}, { "binding": "SPARE", "tunnel_id": "t" }]')]],
    ],
    ["a whole network without an address", ["address_missing"], [[ADDRESS, ""]]],
    [
      "an address where the platform has its own",
      ["address_without_effect"],
      [
        [
          '{ "binding": "ACME_BILLING", "network"',
          '{ "binding": "ACME_BILLING", "address": "http://10.0.0.1:7070", "network"',
        ],
      ],
    ],
    [
      "two connectors behind one service",
      ["connector_twice", "binding_unused"],
      [['{ "binding": "ACME_CRITICAL", "network"', '{ "binding": "ACME_BILLING", "network"']],
    ],
    [
      "an address in clear outside",
      ["postern_unreadable"],
      [["http://100.96.0.7:7070", "http://8.8.8.8:7070"]],
    ],
    [
      "a tier that there is not",
      ["postern_unreadable"],
      [['"tier": "confidential"', '"tier": "secret"']],
    ],
    [
      "a member that means nothing",
      ["postern_unreadable"],
      [['"publicUrl"', '"publicURL": "x", "publicUrl"']],
    ],
    ["a name in clear", ["public_url_plain"], [["https://postern", "http://postern"]]],
    ["a Worker that cannot read SQL", ["define_missing"], [['"__dirname"', '"__dir"']]],
    [
      "a secret in the file",
      ["secret_in_file"],
      [['"vars": {', '"vars": { "POSTERN_WRAPPING_KEY": "AAAA",']],
    ],
    ["no secret at all", ["secret_unlisted"], [['"POSTERN_WRAPPING_KEY"', '"ANOTHER"']]],
    [
      "an object that is not bound",
      ["object_unbound"],
      [['"name": "SESSION"', '"name": "SESSIONS"']],
    ],
    [
      "objects without storage",
      ["object_unbound", "object_unbound"],
      [['"durable_objects"', '"migrations": [{ "tag": "v1" }], "durable_objects"']],
    ],
  ])("is refused with %s", (_, expected, change) => {
    expect(codes(change)).toEqual(expected);
  });

  it("has a bundle for each of its tenants, and for nobody else", () => {
    expect(codes([], new Map())).toEqual(["bundle_missing"]);
    const both = new Map([
      ["acme", acme],
      ["beta", acme],
    ]);
    expect(codes([], both)).toEqual(["bundle_of_nobody"]);
  });

  it("repeats nothing of what was written where it makes no sense", () => {
    const [refusal] = refusals([['"audience": "postern"', '"audience": 4111111111111111']]);
    expect(refusal).toMatchObject({ code: "postern_unreadable" });
    expect(JSON.stringify(refusal)).not.toContain("4111");
  });

  it("is as large as the platform takes, and no byte larger", () => {
    expect(checkSize({ bytes: MAX_WORKER_BYTES })).toEqual([]);
    expect(checkSize({ bytes: MAX_WORKER_BYTES + 1 })).toMatchObject([
      { code: "worker_too_large" },
    ]);
  });
});
