import { Command } from "commander";
import { isObject, parseStrict } from "../core/model/json.ts";
import type { Outcome } from "../core/model/outcome.ts";
import type { CallReport } from "../gateway/report.ts";
import { openProfile } from "./connect/profile.ts";
import { callReportLines } from "./call-report.ts";
import { CliError, EXIT } from "./exit.ts";
import { waitingForHumans } from "./humans.ts";
import type { Finish } from "./main.ts";
import { adminOf, dataOption, type GatewayOptions, jsonOption, tenantOption } from "./options.ts";
import { print, printJson } from "./output.ts";
import { profileFile } from "./profile-file.ts";
import { readText } from "./read-text.ts";
import { undoCallCommand } from "./undo.ts";

interface MakeOptions {
  readonly as: string;
  readonly data: string;
  readonly wait?: boolean;
}

export function callCommand(finish: Finish): Command {
  const make = new Command("make")
    .description("start a workflow as a human and make one call in it")
    .argument("<tool>")
    .argument("[json]", "arguments, or @FILE", "{}")
    .requiredOption("--as <profile>", "a profile's name (in DATA/../profiles) or its file")
    .addOption(dataOption())
    .option("--wait", "where humans have to approve, wait for them")
    .action(async (tool: string, json: string, options: MakeOptions) => {
      const args = parseStrict(
        json.startsWith("@") ? readText(json.slice(1), "file after @") : json,
      );
      if (!args.ok || !isObject(args.value)) {
        throw new CliError(
          'the arguments must be one JSON object, for example \'{"query":"Ada"}\'',
          EXIT.usage,
        );
      }
      const workflow = await openProfile(profileFile(options.as, options.data));
      try {
        const { value } = args;
        const ask = (untilDecided: boolean): Promise<Outcome> =>
          workflow.call(tool, value, { untilDecided });
        const outcome = await (options.wait === true ? waitingForHumans(ask) : ask(false));
        print(JSON.stringify(outcome, null, process.stdout.isTTY ? 2 : 0));
        finish(
          outcome.outcome === "ok" || outcome.outcome === "partial_result" ? EXIT.ok : EXIT.no,
        );
      } finally {
        await workflow.close();
      }
    });

  const show = new Command("show")
    .description("one call whole: principals, rules, token claims, redactions, timing")
    .argument("<call>")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (call: string, options: GatewayOptions) => {
      const { status, body } = await adminOf(options).ask(
        "GET",
        `/calls/${encodeURIComponent(call)}`,
      );
      if (status !== 200) throw new CliError(`no call ${call} is recorded here`, EXIT.no);
      if (options.json === true) printJson(body);
      else print(callReportLines(body as CallReport));
    });
  return new Command("call")
    .description("one tool invocation")
    .addCommand(make)
    .addCommand(show)
    .addCommand(undoCallCommand(finish));
}
