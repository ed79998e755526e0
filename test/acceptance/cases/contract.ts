import { describe, expect, it } from "vitest";
import type { World } from "../support/world.ts";

/** Runs after all others: every answer of the suite was held against the published document. */
export function contractCases(world: () => World): void {
  describe("the OpenAPI document", () => {
    it("is of version 3.1 and names where it is served", () => {
      const { document } = world().contract;
      expect(document.openapi).toMatch(/^3\.1\./);
      expect(document.servers).toEqual([{ url: world().host.urls.gateway }]);
    });

    it("described each answer that this suite has seen, of each operation", () => {
      const seen = [...world().contract.seen].sort();
      expect(seen).toEqual(
        expect.arrayContaining([
          "closeWorkflow 200",
          "closeWorkflow 409",
          "exchangeToken 200",
          "getCheckpoint 200",
          "getCheckpoint 404",
          "listEvents 200",
          "listEvents 400",
          "makeCall 200",
          "makeCall 400",
          "makeCall 401",
          "makeCall 413",
          "makeCall 415",
          "openWorkflow 201",
          "putCheckpoint 200",
          "putCheckpoint 409",
          "showCall 200",
          "showCall 404",
          "showWorkflow 200",
          "showWorkflow 401",
          "showWorkflow 404",
        ]),
      );
    });
  });
}
