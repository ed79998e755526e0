import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { readConfig, type McpDestination } from "../connector/config.ts";
import { mcpFolder } from "../connector/state.ts";
import { parseJsonc } from "../policy/bundle/jsonc.ts";
import { readManifest } from "../policy/bundle/manifest.ts";
import { Report } from "../policy/bundle/mistake.ts";
import type { BundleFiles } from "../policy/bundle/model.ts";
import { DATA_CLASS_ID } from "../policy/bundle/names.ts";
import { MANIFEST_FILE } from "../policy/bundle/paths.ts";
import { SourceFile } from "../policy/bundle/source-file.ts";
import { importMcp, type McpTarget, type Refused } from "../policy/mcp/import.ts";
import { type Placed, placeTools } from "../policy/openapi/place.ts";
import { bundleFiles } from "./bundle-files.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Finish } from "./main.ts";
import { offeredBy } from "./mcp-offer.ts";
import { jsonOption } from "./options.ts";
import { pc, print, printable, printJson } from "./output.ts";
import { readText } from "./read-text.ts";

interface Options {
  readonly config: string;
  readonly destination: string;
  readonly bundle: string;
  readonly dataClass?: string;
  readonly json?: boolean;
}

interface Found extends McpTarget {
  readonly server: McpDestination;
  readonly folder: string;
}

export function importMcpCommand(finish: Finish): Command {
  return new Command("mcp")
    .description(
      "what an MCP server offers, asked as its connector asks; files that a person changed stay",
    )
    .requiredOption("--config <file>", "the connector's file, where the server is described")
    .requiredOption("--destination <name>", "the destination, by its name in both files")
    .requiredOption("--bundle <dir>", "the bundle to write tools/<id>.jsonc into")
    .option("--data-class <id>", "class of what the tools return; otherwise <destination>.record")
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const files = await bundleFiles(options.bundle);
      const found = destinationOf(files, options);
      const offered = await offeredBy(found.server, found.folder);
      if (offered === null) {
        const what = `${options.destination} does not answer as an MCP server`;
        throw new CliError(what, EXIT.unreachable);
      }
      const { tools, refused } = importMcp(offered, files, found);
      const imported = { tools, levels: tools.length > 0 ? (["record"] as const) : [] };
      const placed = placeTools(files, imported, () => found.dataClass, "an MCP server");
      for (const [path, text] of Object.entries(placed.writes)) {
        const full = join(resolve(options.bundle), path);
        await mkdir(dirname(full), { recursive: true });
        await writeFile(full, text);
      }
      const unlisted = offered
        .map(({ definition }) => String(definition["name"]))
        .filter((name) => !found.server.tools.has(name));
      if (options.json === true) printJson({ tools: placed.tools, refused, unlisted });
      else printReport(placed.tools, refused, unlisted);
      const differs = placed.tools.some(({ state }) => ["differs", "unreadable"].includes(state));
      finish(differs || refused.length > 0 ? EXIT.no : EXIT.ok);
    });
}

function destinationOf(files: BundleFiles, options: Options): Found {
  const name = options.destination;
  const text = readText(options.config, "connector file");
  const read = readConfig(text, options.config, process.env);
  if (!read.ok) {
    const lines = read.mistakes.map(
      ({ line, at, fix }) => `${options.config}:${line} ${at}: ${fix}`,
    );
    throw new CliError(lines.join("\n"), EXIT.no);
  }
  const server = read.config.destinations.get(name);
  if (server?.kind !== "mcp") {
    throw new CliError(
      `${name} is no destination of the kind mcp in ${options.config}`,
      EXIT.usage,
    );
  }
  const file = new SourceFile(MANIFEST_FILE, files[MANIFEST_FILE] ?? "");
  const report = new Report();
  const node = parseJsonc(file, report);
  const declared = node && readManifest(node, { file, report }).destinations.get(name);
  if (declared?.kind !== "mcp") {
    throw new CliError(`${name} is no destination of the kind mcp in ${MANIFEST_FILE}`, EXIT.usage);
  }
  const { dataClass = `${name}.record` } = options;
  if (!DATA_CLASS_ID.test(dataClass)) {
    throw new CliError(`--data-class must match ${DATA_CLASS_ID.source}`, EXIT.usage);
  }
  const folder = mcpFolder(read.config.stateDir, name);
  return { destination: name, tier: declared.tier, dataClass, server, folder };
}

function printReport(
  placed: readonly Placed[],
  refused: readonly Refused[],
  unlisted: readonly string[],
): void {
  for (const { code, tool } of refused) print(`${pc.red("refused")} ${code} ${printable(tool)}`);
  for (const { id, state, at } of placed) {
    const where = at.length === 0 ? "" : `: ${printable(at.join(" "))}`;
    print(`${state === "differs" ? pc.yellow(state) : state} ${id}${where}`);
  }
  if (unlisted.length > 0) {
    print(`not in the connector's "tools": ${printable(unlisted.join(" "))}`);
  }
  if (placed.some(({ state }) => state === "new")) {
    print("review tools/*.jsonc: nobody may call a tool whose list review is not empty");
  }
}
