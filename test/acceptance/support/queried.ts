import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import { DIMENSIONS } from "../../../examples/acme/documents/vectors.ts";
import type { ConnectorPlan } from "../host.ts";
import type { Lab } from "./lab.ts";
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

/** What the connector shows the model that makes vectors of questions. */
export const EMBEDDING_TOKEN = "for-the-model-only";

/** The library as vectors; its model is the laboratory's. */
export function similar(database: object, lab: Lab): object {
  return {
    ...{ ...database, role: "page_reader" },
    embedding: {
      ...{ kind: "endpoint", url: `${lab.origin}/embeddings`, model: "lab-1" },
      ...{ dimensions: DIMENSIONS, token: { env: "EMBEDDING_TOKEN" } },
    },
  };
}
