import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
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
      "createTicket",
      "listTickets",
      "getTicket",
      "setTicketStatus",
    ]);
    for (const { security } of operations) expect(security).toEqual([{ callToken: [] }]);
  });
});
