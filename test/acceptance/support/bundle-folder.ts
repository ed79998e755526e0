import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KeyPair } from "./keys.ts";
import { ROOT } from "./process.ts";

/** A bundle folder of its own: Acme's, the laboratory laid over it, and the keys of this run. */
export function bundleFolder(
  folder: string,
  agents: { readonly [id: string]: readonly KeyPair[] },
): string {
  cpSync(join(ROOT, "examples/acme/bundle"), folder, { recursive: true });
  cpSync(join(ROOT, "test/acceptance/bundle"), folder, { recursive: true });
  const described = Object.entries(agents).map(([id, keys]) => [
    id,
    { title: id, keys: keys.map(({ publicJwk, kid, alg }) => ({ ...publicJwk, kid, alg })) },
  ]);
  writeFileSync(
    join(folder, "agents.jsonc"),
    JSON.stringify({ agents: Object.fromEntries(described) as object }),
  );
  return folder;
}

/** A copy with one literal change; a change that finds nothing fails. */
export function changedBundle(
  from: string,
  to: string,
  file: string,
  find: string,
  replace: string,
): string {
  cpSync(from, to, { recursive: true });
  const path = join(to, file);
  const text = readFileSync(path, "utf8");
  if (!text.includes(find)) throw new Error(`${file} does not contain ${find}`);
  writeFileSync(path, text.replace(find, replace));
  return to;
}
