import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Argument, Command } from "commander";
import { applyEdits, modify } from "jsonc-parser";
import { isObject, type JsonObject } from "../core/model/json.ts";
import { TIERS } from "../core/model/policy.ts";
import { checkBundle } from "../policy/bundle/check.ts";
import { parseJsonc } from "../policy/bundle/jsonc.ts";
import { Report } from "../policy/bundle/mistake.ts";
import type { BundleFiles } from "../policy/bundle/model.ts";
import { TOOL_ID } from "../policy/bundle/names.ts";
import { SourceFile } from "../policy/bundle/source-file.ts";
import { bundleFiles } from "./bundle-files.ts";
import { CliError, EXIT } from "./exit.ts";
import type { Finish } from "./main.ts";
import { mistakeLines } from "./mistakes.ts";
import { pc, print } from "./output.ts";

interface Options {
  readonly bundle: string;
}

export function tierCommand(finish: Finish): Command {
  return new Command("tier")
    .description("say how sensitive a tool of a bundle is; that much of it is confirmed, then")
    .argument("<tool>")
    .addArgument(new Argument("<tier>").choices(TIERS))
    .requiredOption("--bundle <dir>", "the bundle whose tools/<tool>.jsonc is edited")
    .action(async (tool: string, tier: string, options: Options) => {
      const left = await edited(tool, options, (file) => [
        { at: ["tier"], value: tier },
        ...confirmed(file, ["tier"]),
      ]);
      finish(told(`${tool} is ${tier}`, left));
    });
}

export function pinCommand(finish: Finish): Command {
  return new Command("pin")
    .description("confirm what an import guessed of a tool, all of it or the members you name")
    .argument("<tool>")
    .argument("[member...]", "for example action tier output; otherwise everything")
    .requiredOption("--bundle <dir>", "the bundle whose tools/<tool>.jsonc is edited")
    .action(async (tool: string, members: readonly string[], options: Options) => {
      const left = await edited(tool, options, (file) => {
        const known = reviewOf(file);
        const stray = members.filter((one) => !known.includes(one));
        if (stray.length > 0) {
          const waiting =
            known.length === 0 ? "nothing of it is" : `these are: ${known.join(", ")}`;
          throw new CliError(`${stray.join(", ")} is not to be confirmed: ${waiting}`, EXIT.usage);
        }
        return confirmed(file, members.length === 0 ? known : members);
      });
      finish(told(`${tool} is pinned`, left));
    });
}

interface Edit {
  readonly at: readonly string[];
  /** Undefined: the member goes. */
  readonly value: unknown;
}

function reviewOf(file: JsonObject): readonly string[] {
  const { review } = file;
  return Array.isArray(review)
    ? review.filter((one): one is string => typeof one === "string")
    : [];
}

/** A list that is empty goes whole: the file reads like one that a person wrote. */
function confirmed(file: JsonObject, members: readonly string[]): readonly Edit[] {
  if (!("review" in file)) return [];
  const left = reviewOf(file).filter((one) => !members.includes(one));
  return [{ at: ["review"], value: left.length === 0 ? undefined : left }];
}

/**
 * Edits one file and keeps every comment of it; what is left to confirm. A file that the bundle would not
 * take afterwards is not written.
 */
async function edited(
  tool: string,
  { bundle }: Options,
  editsOf: (file: JsonObject) => readonly Edit[],
): Promise<readonly string[]> {
  const files = await bundleFiles(bundle);
  const path = `tools/${tool}.jsonc`;
  const before = TOOL_ID.test(tool) && Object.hasOwn(files, path) ? files[path] : undefined;
  if (before === undefined) throw new CliError(`${bundle} has no ${path}`, EXIT.usage);
  const file = parsed(path, before);
  let text = before;
  for (const { at, value } of editsOf(file)) {
    const changes = modify(text, [...at], value, {
      formattingOptions: { insertSpaces: true, tabSize: 2 },
    });
    text = applyEdits(text, changes);
  }
  const mistakes = newMistakes(files, { ...files, [path]: text }, path);
  if (mistakes !== null) throw new CliError(`nothing written:\n${mistakes}`, EXIT.no);
  await writeFile(join(resolve(bundle), path), text);
  return reviewOf(parsed(path, text));
}

function parsed(path: string, text: string): JsonObject {
  const value = parseJsonc(new SourceFile(path, text), new Report())?.value;
  if (isObject(value)) return value;
  throw new CliError(`${path} cannot be read: see postern bundle check`, EXIT.no);
}

/** Of this file, that it had not before: a bundle that is being worked on may have others. */
function newMistakes(before: BundleFiles, after: BundleFiles, path: string): string | null {
  const of = (files: BundleFiles) => {
    const checked = checkBundle(files);
    return checked.ok ? [] : checked.mistakes.filter(({ file }) => file === path);
  };
  const known = new Set(of(before).map(({ code, message }) => `${code} ${message}`));
  const added = of(after).filter(({ code, message }) => !known.has(`${code} ${message}`));
  return added.length === 0 ? null : mistakeLines(added);
}

function told(what: string, left: readonly string[]): number {
  print(`${pc.green("written")} ${what}`);
  print(
    left.length === 0
      ? "nothing is left to confirm: postern bundle check, then postern bundle activate"
      : `still to be confirmed: ${left.join(", ")}`,
  );
  return EXIT.ok;
}
