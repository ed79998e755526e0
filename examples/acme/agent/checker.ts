import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import {
  Applicant,
  type Granted,
  type JsonObject,
  type PrivateKeyJwk,
} from "../../../src/sdk/index.ts";
import { callAs } from "./sdk-step.ts";

/**
 * The sub-agent of a second look: takes a seat in a workflow that is not its own, and finds out how
 * little it may do there. `node agent/checker.ts --gateway URL --tenant T --key FILE --workflow ID`
 */
const { values } = parseArgs({
  options: {
    gateway: { type: "string", default: "" },
    tenant: { type: "string", default: "" },
    key: { type: "string", default: "" },
    workflow: { type: "string", default: "" },
  },
});
const { gateway, tenant, key, workflow } = values;
const assertionKey = JSON.parse(readFileSync(key, "utf8")) as PrivateKeyJwk;
const connection = { gateway, tenant, agent: "checker-agent", assertionKey };
const applicant = await Applicant.create(connection, workflow);
say(JSON.stringify({ actorToken: await applicant.actorToken() }));

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { value: given } = await lines.next();
const { grant, invoices } = JSON.parse(String(given)) as {
  readonly grant: Granted;
  readonly invoices: JsonObject;
};
const seat = applicant.take(grant);
const refund = { invoiceId: "inv_000001", refundedCents: 1 };
const steps = [
  () => callAs(seat, "checker reads the invoices", "invoices_list", invoices),
  () => callAs(seat, "checker tries a refund", "invoices_refund", refund),
  () => callAs(seat, "checker reads once more", "invoices_list", invoices),
  () => callAs(seat, "checker reads too often", "invoices_list", invoices),
];
for (const step of steps) {
  if ((await lines.next()).done === true) break;
  say(JSON.stringify(await step()));
}
if ((await lines.next()).done !== true) say("done");

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
