import { Command } from "commander";
import { MAX_LOCK_REASON } from "../core/model/lock-value.ts";
import type { Inventory, ToolState, ToolView, Writes } from "../policy/inventory.ts";
import type { LockView } from "../surfaces/admin/ports.ts";
import type { AdminAnswer } from "./admin-client.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Finish } from "./main.ts";
import { adminOf, dataOption, type GatewayOptions, jsonOption, tenantOption } from "./options.ts";
import { pc, print, printJson, table } from "./output.ts";

const COLOURS: { readonly [state in ToolState]: (text: string) => string } = {
  callable: pc.green,
  unreviewed: pc.yellow,
  quarantined: pc.red,
  locked: pc.red,
};

export function listToolsCommand(): Command {
  return asked(new Command("list"))
    .description("every tool of the active bundle: owner, action, tier, state, last use")
    .action(async (options: GatewayOptions) => {
      const answer = await adminOf(options).ask("GET", "/tools");
      const { tools } = answered(answer, "") as Inventory;
      if (options.json === true) return printJson(answer.body);
      const rows = tools.map((one) => [
        ...[one.tool, one.action, one.tier, one.destination, one.writeDomain ?? ""],
        ...[one.state, one.lastUsedAt ?? "", one.owner],
      ]);
      const head = [
        "TOOL",
        "ACTION",
        "TIER",
        "DESTINATION",
        "WRITES",
        "STATE",
        "LAST USE",
        "OWNER",
      ];
      print(table([head, ...rows]));
    });
}

export function showToolCommand(): Command {
  return asked(new Command("show"))
    .description("one tool of the active bundle")
    .argument("<tool>")
    .action(async (tool: string, options: GatewayOptions) => {
      const answer = await adminOf(options).ask("GET", `/tools/${encodeURIComponent(tool)}`);
      const view = answered(answer, tool) as ToolView;
      if (options.json === true) printJson(view);
      else print(viewLines(view));
    });
}

export function quarantineToolCommand(finish: Finish): Command {
  return asked(new Command("quarantine"))
    .description("lock one tool: no call of it is admitted until postern lock remove")
    .argument("<tool>")
    .requiredOption("--reason <text>", `why, in one line of at most ${MAX_LOCK_REASON} characters`)
    .action(async (tool: string, options: GatewayOptions & { readonly reason: string }) => {
      const path = `/tools/${encodeURIComponent(tool)}/quarantine`;
      const answer = await adminOf(options).ask("POST", path, { reason: options.reason });
      const lock = answered(answer, tool) as LockView;
      if (options.json === true) printJson(lock);
      else print(`${pc.green("quarantined")} ${tool}: ${lock.lock} since ${lock.inForceAt}`);
      finish(EXIT.ok);
    });
}

function asked(command: Command): Command {
  return command.addOption(dataOption()).addOption(tenantOption()).addOption(jsonOption());
}

function answered({ status, body }: AdminAnswer, tool: string): unknown {
  if (status === 200 || status === 201) return body;
  if (status === 404) {
    throw new CliError(`${tool} is no tool of the active bundle: see postern tool list`, EXIT.no);
  }
  if (status === 409) {
    throw new CliError(
      "no bundle is active, or there are too many locks: see postern bundle activate and postern lock list",
      EXIT.no,
    );
  }
  if (status === 400) {
    throw new CliError(
      `--reason must be one line of visible text, at most ${MAX_LOCK_REASON} characters`,
      EXIT.usage,
    );
  }
  throw new CliError("the record of this tenant's locks cannot be read: see postern audit verify");
}

/** For people; `--json` has the same. */
export function viewLines(view: ToolView): string {
  const rows = [
    ["title", view.title],
    ["description", view.description],
    ["owner", view.owner],
    ["destination", view.destination],
    ["action", view.action],
    ["tier", view.tier],
    ["write domain", view.writeDomain ?? "none"],
    ...(view.writes === null ? [] : writeRows(view.writes)),
    ["data classes", view.dataClasses.join(", ")],
    ["labels", view.labels.join(", ")],
    ["to be confirmed", view.review.join(", ") || "nothing"],
    ["locks", view.locks.join(", ") || "none"],
    ["last use", view.lastUsedAt ?? "not since the gateway started"],
    ["definition", view.definition],
  ];
  return `${view.tool} ${COLOURS[view.state](view.state)}\n${table(rows)}`;
}

/** One line a kind of statement: what is not there may not be written. */
function writeRows({ maxRows, relations }: Writes): readonly (readonly string[])[] {
  const lines = relations.flatMap(({ relation, key, insert, update, delete: removes, also }) => [
    ...(insert.length > 0 ? [`INSERT INTO ${relation} (${insert.join(", ")})`] : []),
    ...(update.length > 0 ? [`UPDATE ${relation} SET ${update.join(", ")}`] : []),
    ...(removes ? [`DELETE FROM ${relation}`] : []),
    `rows of ${relation} are told apart by ${key.join(", ")}`,
    ...(also.length > 0 ? [`a write of ${relation} may also write ${also.join(", ")}`] : []),
  ]);
  return [`at most ${maxRows} rows a statement`, ...lines].map((line, index) => [
    index === 0 ? "writes" : "",
    line,
  ]);
}
