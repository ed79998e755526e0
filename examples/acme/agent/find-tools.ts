import { parseArgs } from "node:util";
import { openProfile } from "./profile.ts";

/**
 * What an agent may call, and what of it fits a task, with Postern's SDK; nothing is called:
 * `node agent/find-tools.ts --profile FILE --limit N TASK…`. One line of JSON.
 */
const { values, positionals } = parseArgs({
  options: { profile: { type: "string" }, limit: { type: "string", default: "10" } },
  allowPositionals: true,
});
if (values.profile === undefined) {
  process.stderr.write(
    "usage: node examples/acme/agent/find-tools.ts --profile FILE --limit N TASK…\n",
  );
  process.exit(2);
}

const { workflow } = await openProfile(values.profile);
const listed = await workflow.listTools();
const found = [];
for (const task of positionals) found.push(await workflow.findTools(task, Number(values.limit)));
await workflow.close();
process.stdout.write(`${JSON.stringify({ listed, found })}\n`);
