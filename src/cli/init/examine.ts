import { join } from "node:path";
import { readConfig } from "../../connector/config.ts";
import { readGatewayConfig } from "../../hosts/node/config.ts";
import { checkBundle } from "../../policy/bundle/check.ts";
import { formatMistakes } from "../../policy/bundle/mistake.ts";
import type { NewFile } from "./render.ts";

const BUNDLE = "bundle/";

/**
 * What the gateway, the connector and `bundle check` would say of the files. An option can be well
 * formed and still not do: a folder whose socket has too long a path, a header that is not ours to set.
 */
export function examine(
  dir: string,
  files: readonly NewFile[],
  secrets: readonly string[],
): readonly string[] {
  const text = (path: string): string => files.find((file) => file.path === path)?.text ?? "";
  const gateway = readGatewayConfig(join(dir, "postern.jsonc"), text("postern.jsonc"));
  // Not set yet, and not needed to read the file.
  const env = Object.fromEntries(secrets.map((name) => [name, "set"]));
  const connector = readConfig(text("connector.jsonc"), join(dir, "connector.jsonc"), env);
  const bundle = checkBundle(
    Object.fromEntries(
      files
        .filter(({ path }) => path.startsWith(BUNDLE))
        .map((file) => [file.path.slice(BUNDLE.length), file.text]),
    ),
  );
  return [
    ...(gateway.ok ? [] : gateway.mistakes),
    ...(connector.ok
      ? []
      : connector.mistakes.map(({ at, fix }) => `connector.jsonc ${at}: ${fix}`)),
    ...(bundle.ok ? [] : [formatMistakes(bundle.mistakes)]),
  ];
}
