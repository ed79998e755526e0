import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { TIERS } from "../core/model/policy.ts";
import { CliError, EXIT } from "./exit.ts";
import { newAgentKey } from "./init/agent-key.ts";
import type { InitOptions } from "./init/answers.ts";
import { askServer } from "./init/ask-server.ts";
import { examine } from "./init/examine.ts";
import { nextCommands, ownCommand } from "./init/next.ts";
import { KIND_NAMES, type Plan, readPlan } from "./init/plan.ts";
import { type NewFile, renderFiles } from "./init/render.ts";
import { jsonOption } from "./options.ts";
import { pc, print, printable, printJson } from "./output.ts";

/** Neither commander's choices nor its required options: it would say one problem at a time. */
export function initCommand(): Command {
  return new Command("init")
    .description("write all the files for a service of your own into a new folder")
    .argument("<dir>", "a folder that does not exist yet, or is empty")
    .option("--kind <kind>", `what the service is: ${KIND_NAMES.join(", ")}`)
    .option("--name <service>", "what you call it")
    .option("--origin <url>", "http: where it answers")
    .option("--addresses <ranges>", "where the name of a private service may lead: 10.20.0.0/24,…")
    .option("--path <path>", 'http: what the first tool reads (default: "/")')
    .option("--header <name>", "http, mcp: the header that carries the service's credential")
    .option("--host <host>", "postgres: name, address, or folder of a Unix socket")
    .option("--port <port>", "postgres: (default: 5432)")
    .option("--database <name>", "postgres: its name")
    .option("--user <name>", "postgres: who the connector logs in as")
    .option("--role <name>", "postgres: the role it takes for each statement (default: none)")
    .option("--url <url>", "mcp: where the server answers")
    .option("--command <command>", "mcp: the program that is the server, with its arguments")
    .option(
      "--tool <name>",
      "mcp: a tool of it that only reads; the server is asked for its definition",
    )
    .option("--issuer <url>", "your identity provider")
    .option("--audience <id>", 'Postern\'s client id there (default: "postern")')
    .option("--sign-in <command>", "a program that prints an ID token of yours, with its arguments")
    .option("--group <name>", 'who may start the agent (default: "staff")')
    .option("--agent <name>", 'the agent (default: "assistant")')
    .option("--network <name>", 'where the service stands (default: "private")')
    .option("--tier <tier>", `${TIERS.join(", ")} (default: "internal")`)
    .option("--tenant <name>", 'whose gateway it is (default: "main")')
    .option("--gateway <url>", 'what agents call it (default: "http://127.0.0.1:8787")')
    .addOption(jsonOption())
    .action((dir: string, options: InitOptions) => init(dir, options));
}

async function init(dir: string, options: InitOptions): Promise<void> {
  const target = resolve(dir);
  const read = readPlan(options);
  const taken = whyNot(target);
  if (!read.ok || taken !== null) {
    throw refused([
      ...(taken === null ? [] : [`${dir} ${taken}`]),
      ...(read.ok ? [] : read.problems),
    ]);
  }
  const plan = await completed(read.plan);
  const files = renderFiles(plan, newAgentKey());
  const mistakes = examine(target, files, plan.secrets);
  if (mistakes.length > 0) throw refused(mistakes);
  for (const file of files) write(target, file);
  report(dir, plan, files, options.json === true);
}

/** With what only the service itself can say. */
async function completed(plan: Plan): Promise<Plan> {
  if (plan.serverTool === null) return plan;
  const asked = await askServer(plan, plan.serverTool, process.env);
  if (!asked.ok) throw refused(asked.problems);
  return asked.plan;
}

function refused(problems: readonly string[]): CliError {
  return new CliError(`nothing was written\n${problems.join("\n")}`, EXIT.usage);
}

/** Why nothing can be written there; null: it can. */
function whyNot(target: string): string | null {
  try {
    const [first] = readdirSync(target);
    return first === undefined ? null : "is not empty: name a new folder";
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return null;
    return code === "ENOTDIR" ? "is a file: name a new folder" : "cannot be read";
  }
}

/** A folder with a private key in it is nobody else's; what came to be there meanwhile stays. */
function write(target: string, { path, text, mode }: NewFile): void {
  const file = join(target, path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { flag: "wx", mode });
}

function report(dir: string, plan: Plan, files: readonly NewFile[], json: boolean): void {
  const paths = files.map(({ path }) => path);
  const { tool, secrets, open } = plan;
  const next = nextCommands(dir.replace(/(?<=.)\/+$/, ""), plan, ownCommand(process.env));
  if (json) return printJson({ dir: resolve(dir), files: paths, tool, secrets, open, next });
  print(`${pc.green("written")} ${printable(dir)}: ${paths.join(", ")}`);
  if (open.length > 0) print(`\n${pc.bold("Yours to fill in")}\n${lines(open)}`);
  if (secrets.length > 0)
    print(`\n${pc.bold("Secrets of the connector's environment")}\n${lines(secrets)}`);
  print(`\n${pc.bold("Then, in this order")}\n${lines(next)}`);
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `  ${printable(text)}`).join("\n");
}
