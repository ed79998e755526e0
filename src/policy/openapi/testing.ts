import type { BundleFiles } from "../bundle/model.ts";
import { goodBundle } from "../bundle/testing.ts";
import type { Sensitivity } from "./guess.ts";
import { importOpenApi, type Import, type ImportOptions } from "./import.ts";

export const TARGET: ImportOptions = {
  destination: "svc",
  tier: "critical",
  writeDomain: "svc",
  classOf: (level: Sensitivity) => `svc.${level}`,
  only: [],
};

/** A good bundle that knows the service, and none of its tools yet. */
export async function bundleWithService(): Promise<BundleFiles> {
  const files = await goodBundle();
  const manifest = (files["bundle.jsonc"] ?? "")
    .replace(
      '"destinations": {',
      '"destinations": {\n    "svc": { "kind": "http", "network": "reading-room", "tier": "critical" },',
    )
    .replace('"writeDomains": {', '"writeDomains": { "svc": { "critical": false },');
  return { ...files, "bundle.jsonc": manifest };
}

/** One operation of a small document; `more` are members of the document itself. */
export function imported(
  operation: object,
  path = "/things/{id}",
  method = "get",
  more: object = {},
  options: Partial<ImportOptions> = {},
): Import {
  const document = { openapi: "3.1.0", paths: { [path]: { [method]: operation } }, ...more };
  return importOpenApi(JSON.stringify(document), { ...TARGET, ...options });
}

export const ID = { name: "id", in: "path", required: true, schema: { type: "string" } } as const;

export function answers(schema: object): object {
  return { 200: { description: "", content: { "application/json": { schema } } } };
}
