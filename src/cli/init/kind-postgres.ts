import { createHash } from "node:crypto";
import { addressesOf, type Answers, lineRule } from "./answers.ts";
import { environmentName, toolId } from "./names.ts";
import type { KindPlan } from "./plan.ts";

/** Names of tables, and of those only what the role may read. Ordered, so that it can be compared. */
const TABLES =
  `select table_schema as "schema", table_name as "name" from information_schema.tables ` +
  `where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2`;

const A_ROLE = lineRule("a role that the user may take");
const NEARBY = new Set(["127.0.0.1", "::1", "localhost"]);

/** A database: one statement about nothing secret, under the least powerful role there is. */
export function planPostgres(answers: Answers, service: string): KindPlan {
  const host = answers.text("host", {
    fits: (value) => /^(\/[^\0]*|[A-Za-z0-9.:_-]+)$/.test(value),
    fix: "its name or address, or the absolute folder of its Unix socket",
  });
  const port = answers.text("port", {
    fits: (value) => /^[1-9][0-9]{0,4}$/.test(value) && Number(value) <= 65_535,
    fix: "a number from 1 to 65535",
    fallback: "5432",
  });
  const database = answers.text("database", lineRule("its name"));
  const user = answers.text("user", lineRule("who the connector logs in as"));
  const variable = environmentName(service, "password");
  return {
    tool: toolId(service, "tables"),
    secrets: [variable],
    serverTool: null,
    values: {
      // Not the class of the rows: who may see what is there may not see what is in it.
      dataClass: `${service}.catalog`,
      dataTitle: `Names of the tables of ${service}`,
      host,
      addresses: addressesOf(answers),
      databasePort: Number(port),
      // In clear only where nobody listens in.
      tls: !host.startsWith("/") && !NEARBY.has(host),
      database,
      user,
      role: answers.given("role") === undefined ? null : answers.text("role", A_ROLE),
      passwordName: variable,
      statement: TABLES,
      statementDigest: createHash("sha256").update(TABLES).digest("hex"),
    },
  };
}
