import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Granted, JsonObject } from "../../../src/sdk/index.ts";
import { announce } from "../service.ts";
import { openProfile } from "./profile.ts";
import { callAs } from "./sdk-step.ts";

/**
 * An agent that asks another one for a second look, both with Postern's SDK:
 * `node agent/second-look.ts --profile FILE --checker-key FILE --customer NAME`. The checker is a
 * process of its own with a key of its own. What passes between the two is its word that it takes a
 * seat, and the grant, which only it can use. One call for each line read, as in `main.ts`.
 */
const { values } = parseArgs({
  options: {
    profile: { type: "string" },
    "checker-key": { type: "string" },
    customer: { type: "string" },
  },
});
const { profile: file, customer, "checker-key": checkerKey } = values;
if (file === undefined || customer === undefined || checkerKey === undefined) {
  process.stderr.write(
    "usage: node examples/acme/agent/second-look.ts --profile FILE --checker-key FILE --customer NAME\n",
  );
  process.exit(2);
}

const { workflow, gateway, tenant } = await openProfile(file);
announce({ tools: workflow.tools.join(" ") });

const asked = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
await asked.next();
const found = await callAs(workflow, "find the customer", "customers_find", { query: customer });
say({ event: "step", step: found });
const { rows } = found.result as { readonly rows: readonly JsonObject[] };
const invoices = { customerId: rows[0]?.["id"] ?? null };

const checker = spawn(
  process.execPath,
  [
    join(import.meta.dirname, "checker.ts"),
    ...["--gateway", gateway, "--tenant", tenant, "--key", checkerKey, "--workflow", workflow.id],
  ],
  { stdio: ["pipe", "pipe", "inherit"] },
);
const answers = createInterface({ input: checker.stdout })[Symbol.asyncIterator]();
const { actorToken } = JSON.parse(await nextAnswer()) as { readonly actorToken: string };
const grant: Granted = await workflow.delegate(actorToken, { tools: ["invoices_list"] });
checker.stdin.write(`${JSON.stringify({ grant, invoices })}\n`);

for (let next = await asked.next(); next.done !== true; next = await asked.next()) {
  checker.stdin.write("next\n");
  const line = await nextAnswer();
  if (line === "done") break;
  say({ event: "step", step: JSON.parse(line) as unknown });
}
checker.stdin.end();
if (checker.exitCode === null) await once(checker, "exit");
await workflow.close();
say({ event: "done" });
process.exit(0);

async function nextAnswer(): Promise<string> {
  const answer = await answers.next();
  if (answer.done === true) throw new Error("the checker ended early");
  return answer.value;
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
