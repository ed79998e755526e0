import { Command, Option } from "commander";
import { KEY_PURPOSES } from "../core/model/signing-key.ts";
import type { KeyView } from "../surfaces/admin/ports.ts";
import { CliError, EXIT } from "./exit.ts";
import { adminOf, dataOption, type GatewayOptions, jsonOption, tenantOption } from "./options.ts";
import { pc, print, printJson, table } from "./output.ts";

interface RotateOptions extends GatewayOptions {
  readonly purpose?: string;
  readonly now?: boolean;
}

export function keyCommand(): Command {
  return new Command("key")
    .description("the gateway's own keys: what it signs credentials and call tokens with")
    .addCommand(rotateCommand())
    .addCommand(listCommand());
}

function rotateCommand(): Command {
  return new Command("rotate")
    .description(
      "let new keys sign; what the old ones signed stays good for as long as it was made for",
    )
    .addOption(new Option("--purpose <purpose>", "one of them only").choices(KEY_PURPOSES))
    .option("--now", "do not wait until tools have had time to learn the new key for call tokens")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nA key that somebody else may have: postern lock add key THUMBPRINT --reason …",
    )
    .action(async (options: RotateOptions) => {
      const { purpose, now = false } = options;
      const { status, body } = await adminOf(options).ask("POST", "/keys/rotate", {
        now,
        ...(purpose !== undefined && { purpose }),
      });
      if (status === 409) {
        throw new CliError(
          "too many keys are retiring: wait for the first of them, see postern key list",
          EXIT.no,
        );
      }
      if (status === 503) {
        throw new CliError(
          "the new key could not be written, so nothing has changed: make room on the disk and try again",
        );
      }
      if (status !== 200) throw unexpected(status);
      const answer = body as { readonly keys: readonly KeyView[]; readonly recorded: boolean };
      if (options.json === true) return printJson(answer);
      for (const key of answer.keys) {
        const line = lineOf(key);
        if (line !== null) print(line);
      }
      if (!answer.recorded) {
        print(pc.yellow("not on record yet: that is tried again until there is room"));
      }
    });
}

function listCommand(): Command {
  return new Command("list")
    .description("the keys that sign, will sign, or did and are still believed")
    .addOption(dataOption())
    .addOption(tenantOption())
    .addOption(jsonOption())
    .action(async (options: GatewayOptions) => {
      const { status, body } = await adminOf(options).ask("GET", "/keys");
      if (status !== 200) throw unexpected(status);
      const { keys } = body as { readonly keys: readonly KeyView[] };
      if (options.json === true) return printJson({ keys });
      const rows = keys.map((one) => [
        ...[one.purpose, one.key, one.state, one.activeAt, one.usableUntil ?? ""],
        one.goneAt ?? "",
      ]);
      const head = ["PURPOSE", "KEY", "STATE", "SIGNS FROM", "USABLE UNTIL", "GONE AT"];
      print(table([head, ...rows]));
    });
}

function unexpected(status: number): CliError {
  return new CliError(`the gateway answered ${status}: is the tenant's name right?`);
}

function lineOf({ purpose, key, state, activeAt, usableUntil }: KeyView): string | null {
  switch (state) {
    case "next":
      return `${pc.green("published")} ${purpose} ${key}: signs from ${activeAt}`;
    case "active":
      return `${pc.green("active")} ${purpose} ${key} since ${activeAt}`;
    case "retiring":
      return `retiring ${purpose} ${key}: what it signed is good until ${usableUntil}`;
  }
}
