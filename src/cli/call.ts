import { readFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { Command } from "commander";
import { isObject, parseStrict } from "../core/model/json.ts";
import type { CallReport } from "../gateway/report.ts";
import { openProfile } from "./connect/profile.ts";
import { callReportLines } from "./call-report.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Finish } from "./main.ts";
import { adminOf, dataOption, type GatewayOptions, jsonOption, tenantOption } from "./options.ts";
import { print, printJson } from "./output.ts";

export function callCommand(finish: Finish): Command {
  const make = new Command("make")
    .description("start a workflow as a human and make one call in it")
    .argument("<tool>")
    .argument("[json]", "arguments, or @FILE", "{}")
    .requiredOption("--as <profile>", "a profile's name (in DATA/../profiles) or its file")
    .addOption(dataOption())
    .action(async (tool: string, json: string, options: { as: string; data: string }) => {
      const args = parseStrict(json.startsWith("@") ? readFileSync(json.slice(1), "utf8") : json);
      if (!args.ok || !isObject(args.value)) {
        throw new CliError(
          'the arguments must be one JSON object, for example \'{"query":"Ada"}\'',
          EXIT.usage,
        );
      }
      const workflow = await openProfile(profileFile(options.as, options.data));
      try {
        const outcome = await workflow.call(tool, args.value);
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
  return new Command("call").description("one tool invocation").addCommand(make).addCommand(show);
}

/** A name means a profile beside the data folder, as the demo lays them. */
function profileFile(name: string, data: string): string {
  if (isAbsolute(name) || name.includes("/") || name.endsWith(".jsonc")) return resolve(name);
  return join(resolve(data), "..", "profiles", `${name}.jsonc`);
}
