import { relative } from "node:path";
import { pc } from "./colour.ts";
import { CASE_CUSTOMER } from "../billing/company.ts";
import { POSTERN } from "./postern.ts";
import type { Network } from "./network.ts";
import type { Workspace } from "./workspace.ts";

/** What one can do now: addresses, a call of one's own, a changed rule, a client of one's own. */
export function invitation(workspace: Workspace, network: Network, call: string): string {
  const data = defaultData(workspace) ? "" : ` --data ${here(workspace.data)}`;
  const make = (tool: string, args: object, as = "dana"): string =>
    `npm run postern -- call make ${tool} '${JSON.stringify(args)}' --as ${as}${data}`;
  const activate = (dir: string): string =>
    `npm run postern -- bundle activate ${here(dir)}${data}`;
  const ticket = { customerId: "cus_000001", title: "Call back", text: "Wants a call." };
  return [
    section("Addresses"),
    `  gateway   ${network.url}/acme/mcp  (MCP)   ${network.url}/acme/v1  (REST)`,
    `  sign-in   ${network.issuer}   people: dana, erin, olga, mallory`,
    `  data      ${here(workspace.root)}   (delete it to begin again; logs are in ${here(workspace.root)}/logs)`,
    section("Make a call of your own"),
    `  ${make("customers_find", { query: CASE_CUSTOMER })}`,
    section("Give money back, with a second terminal for whoever approves"),
    `  ${make("invoices_refund", { invoiceId: "inv_000007", refundedCents: 500 }, "dana-refund")} --wait`,
    `  npm run postern -- approval list --as erin${data}`,
    `  npm run postern -- approval approve ID --as erin${data}   # and, with the call's id: call undo`,
    section("Change a rule and see the denial"),
    `  ${activate(workspace.frozenBundle)}`,
    `  ${make("tickets_create", ticket)}`,
    `  ${activate(workspace.bundle)}   # and back`,
    section("Look at one call of the case"),
    `  npm run postern -- call show ${call}${data}`,
    section("Connect an MCP client of your own"),
    clientConfig(workspace),
  ].join("\n");
}

/** The block that MCP clients read. Absolute paths, because they start it from anywhere. */
function clientConfig(workspace: Workspace): string {
  const server = {
    command: process.execPath,
    args: [POSTERN, "connect", "--profile", workspace.profile("dana")],
  };
  return JSON.stringify({ mcpServers: { acme: server } }, null, 2).replace(/^/gm, "  ");
}

function defaultData(workspace: Workspace): boolean {
  return here(workspace.data) === ".postern/data";
}

/** As short as it can be said from where the command was given. */
function here(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short || ".";
}

function section(title: string): string {
  return `\n${pc.bold(title)}`;
}
