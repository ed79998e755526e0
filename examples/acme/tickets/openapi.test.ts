import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readBundleFolder } from "../../../src/policy/bundle/read-folder.ts";
import { importOpenApi } from "../../../src/policy/openapi/import.ts";
import { placeTools } from "../../../src/policy/openapi/place.ts";
import { ticketsDocument } from "./openapi.ts";

describe("the OpenAPI document of tickets", () => {
  it("stands beside the code, as the code would print it", () => {
    const stored = readFileSync(new URL("openapi.json", import.meta.url), "utf8");
    expect(JSON.parse(stored)).toEqual(JSON.parse(JSON.stringify(ticketsDocument())));
  });

  it("is OpenAPI 3.1 and asks for a call token everywhere", () => {
    const document = ticketsDocument() as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string; security: unknown }>>;
    };
    expect(document.openapi).toBe("3.1.0");
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations.map((operation) => operation.operationId)).toEqual([
      "tickets_create",
      "tickets_list",
      "tickets_get",
      "tickets_set_status",
    ]);
    for (const { security } of operations) expect(security).toEqual([{ callToken: [] }]);
  });

  it("is what the bundle's tools were imported from: again, it finds nothing to say", async () => {
    const folder = fileURLToPath(new URL("../bundle", import.meta.url));
    const files = await readBundleFolder(folder);
    const imported = importOpenApi(JSON.stringify(ticketsDocument()), {
      destination: "tickets",
      tier: "internal",
      writeDomain: "tickets",
      classOf: (level) => `ticket.${level}`,
      only: [],
    });
    expect(imported.notes).toEqual([]);
    const placed = placeTools(files, imported, (level) => `ticket.${level}`);
    expect(placed).toEqual({
      tools: ["tickets_create", "tickets_get", "tickets_list", "tickets_set_status"].map((id) => ({
        ...{ id, state: "same", at: [] },
      })),
      writes: {},
    });
  });
});
