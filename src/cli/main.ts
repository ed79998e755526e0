import { Command, CommanderError } from "commander";
import { CliError, EXIT } from "./exit.ts";
import { printable } from "./output.ts";

/** What a command says when it is done. */
export type Finish = (exitCode: number) => void;

/** Each noun loads its own modules: asking for a list must not wait for the policy engine. */
const NOUNS: { readonly [noun: string]: (finish: Finish) => Promise<Command> } = {
  gateway: async (finish) => (await import("./gateway.ts")).gatewayCommand(finish),
  bundle: async (finish) => (await import("./bundle.ts")).bundleCommand(finish),
  connector: async (finish) => (await import("./connector.ts")).connectorCommand(finish),
  workflow: async (finish) => (await import("./workflow.ts")).workflowCommand(finish),
  call: async (finish) => (await import("./call.ts")).callCommand(finish),
  audit: async (finish) => (await import("./audit.ts")).auditCommand(finish),
  connect: async (finish) => (await import("./connect.ts")).connectCommand(finish),
};

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
  const [noun = ""] = argv;
  const wanted = Object.hasOwn(NOUNS, noun) ? [noun] : Object.keys(NOUNS);
  for (const name of wanted) {
    const command = await NOUNS[name]?.(finish);
    if (command === undefined) continue;
    adopt(program, command);
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

/** Commands made elsewhere know nothing of how this program ends; exit codes would be commander's. */
function adopt(parent: Command, command: Command): void {
  command.copyInheritedSettings(parent);
  for (const sub of command.commands) adopt(command, sub);
}
