import { readFileSync } from "node:fs";
import { Command, CommanderError, type Option } from "commander";
import { PosternError } from "../sdk/error.ts";
import { CliError, EXIT } from "./exit.ts";
import { printable } from "./output.ts";

/** What a command says when it is done. */
export type Finish = (exitCode: number) => void;

/** Each noun loads its own modules: asking for a list must not wait for the policy engine. */
const NOUNS: { readonly [noun: string]: (finish: Finish) => Promise<Command> } = {
  gateway: async (finish) => (await import("./gateway.ts")).gatewayCommand(finish),
  bundle: async (finish) => (await import("./bundle.ts")).bundleCommand(finish),
  tool: async (finish) => (await import("./tool.ts")).toolCommand(finish),
  connector: async (finish) => (await import("./connector.ts")).connectorCommand(finish),
  workflow: async (finish) => (await import("./workflow.ts")).workflowCommand(finish),
  key: async () => (await import("./key.ts")).keyCommand(),
  lock: async (finish) => (await import("./lock.ts")).lockCommand(finish),
  trust: async (finish) => (await import("./trust.ts")).trustCommand(finish),
  approval: async () => (await import("./approval.ts")).approvalCommand(),
  call: async (finish) => (await import("./call.ts")).callCommand(finish),
  audit: async (finish) => (await import("./audit.ts")).auditCommand(finish),
  init: async () => (await import("./init.ts")).initCommand(),
  connect: async (finish) => (await import("./connect.ts")).connectCommand(finish),
};

/** `postern NOUN VERB`. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("postern")
    .description("The private gate between AI agents and private systems")
    .version(version())
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
    await program.parseAsync(thumbprintsLast(argv), { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof CliError) {
      // A message may name what was asked for, and that may be anything.
      const lines = error.message.split("\n").map(printable);
      process.stderr.write(`postern: ${lines.join("\n")}\n`);
      return error.exitCode;
    }
    if (error instanceof PosternError) {
      process.stderr.write(`postern: ${error.code}: ${printable(error.message)}\n`);
      return error.status === null ? EXIT.unreachable : EXIT.no;
    }
    if (isSystemError(error)) {
      process.stderr.write(`postern: ${printable(error.message)}\n`);
      return EXIT.unreachable;
    }
    throw error;
  }
}

/** RFC 7638 in base64url: one in 64 begins with a dash, and is no option all the same. */
const DASHED_THUMBPRINT = /^-[A-Za-z0-9_-]{42}$/;

function thumbprintsLast(argv: readonly string[]): readonly string[] {
  const [thumbprints, others] = [true, false].map((wanted) =>
    argv.filter((one) => DASHED_THUMBPRINT.test(one) === wanted),
  ) as [string[], string[]];
  if (thumbprints.length === 0 || others.includes("--")) return argv;
  return [...others, "--", ...thumbprints];
}

/** Which of two values was meant is not for us to guess: the other one may be a narrower file or folder. */
function once(command: Command, option: Option): void {
  if (option.variadic) return;
  let given = false;
  command.on(`option:${option.name()}`, () => {
    if (given) command.error(`error: option '${option.flags}' is given twice, and means one thing`);
    given = true;
  });
}

/** In a clone and in a published package this file stands two folders below the manifest. */
function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** A file, folder, address or program that cannot be had: its name helps a person, a stack does not. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error && "code" in error;
}

/** Commands made elsewhere know nothing of how this program ends; exit codes would be commander's. */
function adopt(parent: Command, command: Command): void {
  command.copyInheritedSettings(parent);
  for (const option of command.options) once(command, option);
  for (const sub of command.commands) adopt(command, sub);
}
