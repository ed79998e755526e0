import { mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { parseJsonc } from "../policy/bundle/jsonc.ts";
import { DATA_CLASS_ID } from "../policy/bundle/names.ts";
import { readManifest } from "../policy/bundle/manifest.ts";
import { Report } from "../policy/bundle/mistake.ts";
import type { BundleFiles } from "../policy/bundle/model.ts";
import { MANIFEST_FILE } from "../policy/bundle/paths.ts";
import { SourceFile } from "../policy/bundle/source-file.ts";
import type { Sensitivity } from "../policy/openapi/guess.ts";
import { importOpenApi, type Import, type ImportOptions } from "../policy/openapi/import.ts";
import { MAX_DOCUMENT_BYTES } from "../policy/openapi/limits.ts";
import { type Placement, placeTools } from "../policy/openapi/place.ts";
import { readBounded } from "../sdk/body.ts";
import { bundleFiles } from "./bundle-files.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Finish } from "./main.ts";
import { jsonOption } from "./options.ts";
import { pc, print, printable, printJson, table } from "./output.ts";
import { readText } from "./read-text.ts";

/** A document that takes longer is fetched with something better and imported from a file. */
const FETCH_TIMEOUT_MS = 30_000;
/** Notes on a terminal; `--json` has all. */
const SHOWN_NOTES = 40;

interface Options {
  readonly bundle: string;
  readonly destination: string;
  readonly only?: readonly string[];
  readonly dataClass?: string;
  readonly connector?: boolean;
  readonly json?: boolean;
}

export function importOpenApiCommand(finish: Finish): Command {
  return new Command("openapi")
    .description(
      "an OpenAPI 3.0 or 3.1 document, in JSON or YAML; files that a person changed stay",
    )
    .argument("<file-or-url>")
    .requiredOption("--bundle <dir>", "the bundle to write tools/<id>.jsonc into")
    .requiredOption("--destination <name>", "the destination of bundle.jsonc that the service is")
    .option("--only <pattern...>", "operation ids, or METHOD /path; * stands for anything")
    .option("--data-class <id>", "class of ordinary records; otherwise <destination>.record")
    .option("--connector", "print what the connector's own list has to name")
    .addOption(jsonOption())
    .action(async (source: string, options: Options) => {
      const files = await bundleFiles(options.bundle);
      const wanted = optionsOf(files, options);
      const imported = importOpenApi(await documentText(source), wanted);
      const placed = placeTools(files, imported, wanted.classOf);
      if (imported.ok) await write(resolve(options.bundle), placed.writes);
      if (options.json === true) printJson(reportOf(imported, placed));
      else printReport(imported, placed, options.connector === true);
      const differs = placed.tools.some(
        ({ state }) => state === "differs" || state === "unreadable",
      );
      finish(imported.ok && !differs ? EXIT.ok : EXIT.no);
    });
}

function optionsOf(files: BundleFiles, options: Options): ImportOptions {
  const file = new SourceFile(MANIFEST_FILE, files[MANIFEST_FILE] ?? "");
  const report = new Report();
  const node = parseJsonc(file, report);
  const manifest = node && readManifest(node, { file, report });
  const destination = manifest?.destinations.get(options.destination);
  if (destination?.kind !== "http") {
    const known = [...(manifest?.destinations.values() ?? [])].filter(
      ({ kind }) => kind === "http",
    );
    const names = known.map(({ id }) => id).join(", ");
    throw new CliError(
      `${options.destination} is no destination of the kind http in ${MANIFEST_FILE}: declare it there${names === "" ? "" : `, or use ${names}`}`,
      EXIT.usage,
    );
  }
  const { dataClass = `${destination.id}.record` } = options;
  if (!DATA_CLASS_ID.test(dataClass)) {
    throw new CliError(`--data-class must match ${DATA_CLASS_ID.source}`, EXIT.usage);
  }
  const domain = manifest?.writeDomains.find(({ id }) => id === destination.id);
  return {
    destination: destination.id,
    tier: destination.tier,
    writeDomain: domain?.id ?? null,
    only: options.only ?? [],
    classOf: (level: Sensitivity) =>
      level === "record" ? dataClass : `${destination.id}.${level}`,
  };
}

async function documentText(source: string): Promise<string> {
  if (/^https?:\/\//i.test(source)) return fetchText(source);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) {
    throw new CliError("a document comes from a file, or from http or https", EXIT.usage);
  }
  const found = await stat(source).catch(() => null);
  if (found !== null && found.size > MAX_DOCUMENT_BYTES) throw tooBig(source);
  return readText(source, "OpenAPI document");
}

async function fetchText(url: string): Promise<string> {
  const failed = (why: string): CliError => new CliError(`${url} cannot be read: ${why}`);
  let answer: Response;
  let bytes: Uint8Array | null;
  try {
    answer = await fetch(url, {
      // Where it leads is for a person to decide: name that address instead.
      redirect: "error",
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
      headers: { accept: "application/json, application/yaml, text/yaml, */*;q=0.1" },
    });
    bytes = answer.body === null ? null : await readBounded(answer.body, MAX_DOCUMENT_BYTES);
  } catch {
    throw failed("no answer in time, a redirect, or no connection");
  }
  if (!answer.ok) throw failed(`it answered ${answer.status}`);
  if (bytes === null) throw tooBig(url);
  return new TextDecoder().decode(bytes);
}

function tooBig(source: string): CliError {
  return new CliError(`${source} has more than ${MAX_DOCUMENT_BYTES} bytes`, EXIT.no);
}

async function write(dir: string, writes: BundleFiles): Promise<void> {
  for (const [path, text] of Object.entries(writes)) {
    const full = join(dir, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, text);
  }
}

function reportOf(imported: Import, placed: Placement): object {
  const { ok, notes, moreNotes, connector } = imported;
  const tools = imported.ok ? placed.tools : [];
  return { ok, tools, notes, moreNotes, connector, writes: ok ? Object.keys(placed.writes) : [] };
}

function printReport(imported: Import, placed: Placement, connector: boolean): void {
  const { notes, moreNotes } = imported;
  const order = ["error", "skipped", "changed"];
  const sorted = notes.toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
  const rows = sorted
    .slice(0, SHOWN_NOTES)
    .map(({ level, code, pointer, message }) => [level, code, `#${pointer}`, message]);
  if (rows.length > 0) print(table(rows));
  const hidden = notes.length + moreNotes - rows.length;
  if (hidden > 0) print(`… and ${hidden} notes more: --json has them`);
  if (!imported.ok) return print(pc.red("nothing imported"));
  for (const { id, state, at } of placed.tools) {
    if (state === "differs") print(`${pc.yellow("differs")} ${id}: ${printable(at.join(" "))}`);
    if (state === "unreadable") print(`${pc.yellow("unreadable")} ${id}`);
  }
  const count = (state: string): number => placed.tools.filter((one) => one.state === state).length;
  print(
    `${pc.green("imported")} ${count("new")} new, ${count("updated")} updated, ` +
      `${count("unchanged") + count("same")} as they were, ${count("differs")} of a person's differ`,
  );
  if (count("new") > 0)
    print("review tools/*.jsonc: nobody may call a tool whose list review is not empty");
  if (connector) printConnector(imported);
}

function printConnector({ connector }: Import): void {
  const { methods, paths, requestHeaders, credentials } = connector;
  print(
    JSON.stringify(
      { methods, paths, ...(requestHeaders.length > 0 && { requestHeaders }) },
      null,
      2,
    ),
  );
  for (const { scheme, header } of credentials) {
    print(
      header === null
        ? `${printable(scheme)}: the service wants this where a connector puts no secrets`
        : `${printable(scheme)}: put the secret under headers, as ${printable(header)}`,
    );
  }
}
