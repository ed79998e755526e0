import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";
import { gatewaySchema } from "./config.ts";

const file = new URL("../../../schema/gateway.schema.json", import.meta.url);
const WORDS: readonly string[] = ["$schema", "title", "description", "$comment"];

/** Without what is said to people: keywords, and not the members that are called so. */
function plain(node: unknown, members = false): unknown {
  if (Array.isArray(node)) return node.map((one) => plain(one));
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => members || !WORDS.includes(key))
      .map(([key, one]) => [key, plain(one, !members && key === "properties")]),
  );
}

it("postern.jsonc takes what its schema for editors says: keys, types, ranges, defaults", () => {
  const described: unknown = JSON.parse(readFileSync(file, "utf8"));
  expect(plain(described)).toEqual(plain(z.toJSONSchema(gatewaySchema, { io: "input" })));
});
