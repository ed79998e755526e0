import { Command } from "commander";
import type { Difference } from "../core/audit/replay.ts";
import { compileFiles } from "../hosts/node/bundles.ts";
import type { StoredEvent } from "../gateway/ports.ts";
import type { WorkflowLine } from "../surfaces/admin/ports.ts";
import { CliError, EXIT } from "./exit.ts";
import { inspectData } from "./inspect-data.ts";
import type { Finish } from "./main.ts";
import { adminOf, dataOption, type GatewayOptions, jsonOption, tenantOption } from "./options.ts";
import { pc, print, printJson, table } from "./output.ts";
import { undoWorkflowCommand } from "./undo.ts";

export function workflowCommand(finish: Finish): Command {
  const list = new Command("list")
    .description("workflows, newest first")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (options: GatewayOptions) => {
      const { body } = await adminOf(options).ask("GET", "/workflows");
      const { workflows } = body as { workflows: readonly WorkflowLine[] };
      if (options.json === true) return printJson({ workflows });
      const rows = workflows.map((one) => [one.workflow, String(one.events), one.startedAt]);
      print(table([["WORKFLOW", "EVENTS", "STARTED"], ...rows]));
    });

  const events = new Command("events")
    .description("the record of one workflow, one JSON event a line")
    .argument("<workflow>")
    .addOption(dataOption())
    .addOption(tenantOption())
    .action(async (workflow: string, options: GatewayOptions) => {
      let found = 0;
      for (let after: number | null = -1; after !== null;) {
        const path = `/workflows/${encodeURIComponent(workflow)}/events?after=${after}`;
        const { body } = await adminOf(options).ask("GET", path);
        const page = body as { events: readonly StoredEvent[]; next: number | null };
        for (const event of page.events) printJson(event);
        found += page.events.length;
        after = page.next;
      }
      finish(found > 0 ? EXIT.ok : EXIT.no);
    });

  const replay = new Command("replay")
    .description("decide every recorded input again and compare the event hashes")
    .argument("<workflow>")
    .addOption(dataOption())
    .option("--config <file>", "postern.jsonc, where the wrapping key is kept elsewhere")
    .addOption(jsonOption())
    .action((workflow: string, options: GatewayOptions & { config?: string }) => {
      using inspection = inspectData(options.data, options.config);
      const result = inspection.replay(workflow, compileFiles);
      if (result === null) {
        throw new CliError(
          `no workflow ${workflow} in ${options.data}: see postern workflow list`,
          EXIT.usage,
        );
      }
      if (options.json === true) printJson(result);
      else if (result.identical) {
        print(
          `${pc.green("identical")}: ${result.events} events decided again, head ${result.head}`,
        );
      } else
        print(
          `${pc.red("different")} at seq ${result.difference.seq}: ${difference(result.difference)}`,
        );
      finish(result.identical ? EXIT.ok : EXIT.no);
    });
  return new Command("workflow")
    .description("one delegated piece of work")
    .addCommand(list)
    .addCommand(events)
    .addCommand(replay)
    .addCommand(undoWorkflowCommand(finish));
}

function difference(found: Difference): string {
  switch (found.kind) {
    case "decision_differs":
      return `decision_differs in ${found.fields.join(", ")}`;
    case "chain_broken":
      return `chain_broken (${found.fault})`;
    case "undeterminable":
      return `undeterminable: bundle ${found.policyVersion} is not in the data folder`;
    default:
      return found.kind;
  }
}
