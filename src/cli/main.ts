import { Command, CommanderError } from "commander";
import { auditCommand } from "./audit.ts";
import { bundleCommand } from "./bundle.ts";
import { callCommand } from "./call.ts";
import { connectCommand } from "./connect.ts";
import { connectorCommand } from "./connector.ts";
import { CliError, EXIT } from "./exit.ts";
import { gatewayCommand } from "./gateway.ts";
import { printable } from "./output.ts";
import { workflowCommand } from "./workflow.ts";

/** `postern NOUN VERB`. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("postern")
    .description("The private gate between AI agents and private systems")
    .exitOverride()
    .showHelpAfterError();
  let exitCode: number = EXIT.ok;
  const finish = (code: number): void => {
    exitCode = code;
  };
  for (const command of [
    gatewayCommand(finish),
    bundleCommand(finish),
    connectorCommand(finish),
    workflowCommand(finish),
    callCommand(finish),
    auditCommand(finish),
    connectCommand(finish),
  ]) {
    program.addCommand(command);
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof CliError) {
      // A message may name what was asked for, and that may be anything.
      const lines = error.message.split("\n").map(printable);
      process.stderr.write(`postern: ${lines.join("\n")}\n`);
      return error.exitCode;
    }
    throw error;
  }
}

/** What a command says when it is done. */
export type Finish = (exitCode: number) => void;
