import { Command } from "commander";
import { checkBundle } from "../policy/bundle/check.ts";
import type { BundleSource } from "../policy/bundle/model.ts";
import { statementsOf } from "../policy/bundle/statements.ts";
import type { Activation } from "../surfaces/admin/ports.ts";
import { bundleFiles } from "./bundle-files.ts";
import { checkConnectors } from "./connector-file.ts";
import { CliError, EXIT } from "./exit.ts";
import { mistakeLines } from "./mistakes.ts";
import type { Finish } from "./main.ts";
import { adminOf, dataOption, type GatewayOptions, jsonOption, tenantOption } from "./options.ts";
import { pc, print, printJson } from "./output.ts";
import { readText } from "./read-text.ts";

/** With what the allow-lists of connectors have to name: nobody should have to hash by hand. */
function summary({ digest, tools }: BundleSource): object {
  return { ok: true, policyVersion: digest, statements: statementsOf(tools) };
}

export function bundleCommand(finish: Finish): Command {
  const check = new Command("check")
    .description("report every mistake of a bundle at once")
    .argument("<dir>")
    .option(
      "--connector <file...>",
      "the connector files, too: whether each destination is at a connector of its network and tier",
    )
    .addOption(jsonOption())
    .action(async (dir: string, options: { json?: boolean; connector?: readonly string[] }) => {
      const checked = checkBundle(await bundleFiles(dir));
      if (checked.ok && options.connector !== undefined) {
        const files = options.connector.map(
          (file) => [file, readText(file, "connector file")] as const,
        );
        const mistakes = checkConnectors(checked.bundle.destinations, new Map(files));
        if (mistakes.length > 0) {
          if (options.json === true) printJson({ ok: false, mistakes });
          else print(mistakeLines(mistakes));
          return finish(EXIT.no);
        }
      }
      if (options.json === true) {
        printJson(checked.ok ? summary(checked.bundle) : checked);
      } else {
        print(
          checked.ok
            ? `${pc.green("ok")} policy version ${checked.bundle.digest}`
            : mistakeLines(checked.mistakes),
        );
      }
      finish(checked.ok ? EXIT.ok : EXIT.no);
    });
  const activate = new Command("activate")
    .description("check a bundle and make it the one that decides, from the next call on")
    .argument("<dir>")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (dir: string, options: GatewayOptions) => {
      const { status, body } = await adminOf(options).ask("POST", "/bundles/activate", {
        files: await bundleFiles(dir),
      });
      if (status !== 200 && status !== 422) throw new CliError(`the gateway answered ${status}`);
      const activation = body as Activation;
      if (options.json === true) printJson(activation);
      else if (!activation.ok) print(mistakeLines(activation.mistakes));
      else {
        const { policyVersion, previous } = activation;
        print(
          `${pc.green("active")} ${policyVersion}${previous === null ? "" : `, before ${previous}`}`,
        );
      }
      finish(activation.ok ? EXIT.ok : EXIT.no);
    });
  return new Command("bundle")
    .description("agents, trust, tools and policies of a tenant")
    .addCommand(check)
    .addCommand(activate);
}
