import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import type { ConnectorPlan } from "../host.ts";
import { ROOT } from "./process.ts";

/** What Acme's own connector allows of statements that agents write. */
export function queried(database: object): ConnectorPlan["destinations"] {
  const file = readFileSync(join(ROOT, "examples/acme/connectors/billing.jsonc"), "utf8");
  const { destinations } = parse(file) as {
    destinations: { [name: string]: { role: string; statements: object } };
  };
  return Object.fromEntries(
    ["questions", "summaries", "corrections"].map((name) => {
      const { role, statements } = destinations[name]!;
      return [name, { ...database, role, statements }];
    }),
  );
}
