import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { EXIT } from "../../src/cli/exit.ts";
import { mistakeLines } from "../../src/cli/mistakes.ts";
import { checkBundle } from "../../src/policy/bundle/check.ts";
import type { BundleSource } from "../../src/policy/bundle/model.ts";
import { readBundleFolder } from "../../src/policy/bundle/read-folder.ts";
import { checkBindings, placeholders } from "./bindings.ts";
import { build, checkSize } from "./build.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import type { Refusal } from "./refusal.ts";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

export interface Streams {
  out(text: string): void;
  err(text: string): void;
}

/** Resolves with the exit code. */
export async function deployCheck(argv: readonly string[], streams: Streams): Promise<number> {
  const options = optionsOf(argv);
  if (options === null) {
    streams.err(
      "usage: npm run deploy:check -- [--config FILE] [--env NAME] [--bundle TENANT=DIR]…\n",
    );
    return EXIT.usage;
  }
  const { config, env } = options;
  const environment = environmentOf(config, env);
  if ("code" in environment) return refuse([environment], streams);
  const [bundles, wrong] = await bundlesOf(options.bundles);
  const refusals = [...wrong, ...checkBindings(environment, bundles)];
  // A build takes seconds: what is wrong without one is said at once.
  if (refusals.length > 0) return refuse(refusals, streams);
  const built = await build(ROOT, config, env);
  if ("code" in built) return refuse([built], streams);
  const size = checkSize(built);
  if (size.length > 0) return refuse(size, streams);
  const open = placeholders(environment);
  const lines = [
    `ok: ${env} builds, ${(built.bytes / 1e6).toFixed(2)} MB compressed, and every tool has a way to its destination`,
    ...open.map((binding) => `before you deploy: ${binding} has no service_id of your account yet`),
  ];
  streams.out(`${lines.join("\n")}\n`);
  return EXIT.ok;
}

interface Options {
  readonly config: string;
  readonly env: string;
  readonly bundles: ReadonlyMap<string, string>;
}

function optionsOf(argv: readonly string[]): Options | null {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        config: { type: "string", default: resolve(ROOT, "wrangler.jsonc") },
        env: { type: "string", default: "production" },
        bundle: { type: "string", multiple: true, default: [] },
      },
    });
    const bundles = values.bundle.map((text) => /^([^=]+)=(.+)$/.exec(text));
    if (bundles.some((match) => match === null)) return null;
    // Of one that is named twice the last holds, so that a script has one and whoever runs it another.
    const named = bundles.map((match) => [match![1]!, resolve(match![2]!)] as const);
    return { config: resolve(values.config), env: values.env, bundles: new Map(named) };
  } catch {
    return null;
  }
}

function environmentOf(file: string, name: string): Environment | Refusal {
  try {
    const environment = readEnvironment(readFileSync(file, "utf8"), name);
    if (environment !== null) return environment;
    const message = `${file} has no environment ${name}`;
    return { code: "environment_unknown", message, fix: "name one that it has with --env" };
  } catch {
    const message = `${file} cannot be read as a configuration of wrangler`;
    return { code: "config_unreadable", message, fix: "name another file with --config" };
  }
}

async function bundlesOf(
  folders: ReadonlyMap<string, string>,
): Promise<readonly [ReadonlyMap<string, BundleSource>, readonly Refusal[]]> {
  const bundles = new Map<string, BundleSource>();
  const refusals: Refusal[] = [];
  for (const [tenant, folder] of folders) {
    const checked = await readBundleFolder(folder).then(checkBundle, () => null);
    if (checked?.ok === true) {
      bundles.set(tenant, checked.bundle);
      continue;
    }
    const message = checked === null ? "cannot be read" : mistakeLines(checked.mistakes);
    const fix = `postern bundle check ${folder}`;
    refusals.push({ code: "bundle_wrong", message: `${folder}: ${message}`, fix });
  }
  return [bundles, refusals];
}

function refuse(refusals: readonly Refusal[], streams: Streams): number {
  for (const { code, message, fix } of refusals) {
    streams.err(`${code}: ${message}\n  ${fix}\n`);
  }
  streams.err(`not deployable: ${refusals.length} found\n`);
  return EXIT.no;
}
