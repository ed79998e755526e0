import { Command } from "commander";
import type { Finding } from "../hosts/node/inspect.ts";
import { bundleDigest } from "../policy/bundle/digest.ts";
import { EXIT } from "./exit.ts";
import { inspectData } from "./inspect-data.ts";
import type { Finish } from "./main.ts";
import { jsonOption } from "./options.ts";
import { pc, print, printJson } from "./output.ts";

export function auditCommand(finish: Finish): Command {
  const verify = new Command("verify")
    .description("check every chain and every sealed row of a data folder, offline")
    .argument("<data-dir>")
    .option("--config <file>", "postern.jsonc, where the wrapping key is kept elsewhere")
    .addOption(jsonOption())
    .action((dir: string, options: { config?: string; json?: boolean }) => {
      using inspection = inspectData(dir, options.config);
      const verification = inspection.verify(bundleDigest);
      const { findings, events, workflows, sealed, sealedChecked } = verification;
      if (options.json === true) printJson(verification);
      else {
        for (const finding of findings) print(`${pc.red(finding.fault)} ${where(finding)}`);
        const rows = sealedChecked
          ? `${sealed} sealed rows`
          : "sealed rows not checked (no wrapping key)";
        const verdict =
          findings.length === 0 ? pc.green("the record verifies") : pc.red("the record is broken");
        print(`${verdict}: ${workflows} workflows, ${events} events, ${rows}`);
      }
      finish(findings.length === 0 ? EXIT.ok : EXIT.no);
    });
  return new Command("audit").description("the record, checked offline").addCommand(verify);
}

function where(finding: Finding): string {
  const seq = finding.seq === undefined ? "" : ` seq ${finding.seq}`;
  return `${finding.tenant ?? ""} ${finding.workflow ?? ""}${seq}`.trim();
}
