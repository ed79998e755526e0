import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { KeyPair } from "./keys.ts";
import { ROOT } from "./process.ts";

interface Agents {
  readonly [id: string]: readonly KeyPair[];
}

/** A bundle folder of its own: Acme's, the laboratory and `overlays` laid over it, the keys of this run. */
export function bundleFolder(
  folder: string,
  agents: Agents,
  overlays: readonly string[] = [],
): string {
  for (const layer of ["examples/acme/bundle", "test/acceptance/bundle", ...overlays]) {
    cpSync(resolve(ROOT, layer), folder, { recursive: true });
  }
  return withAgents(folder, agents);
}

/** The bundle a team starts from, untouched but for the keys. */
export function starterFolder(folder: string, agents: Agents): string {
  cpSync(join(ROOT, "examples/starter"), folder, { recursive: true });
  return withAgents(folder, agents);
}

function withAgents(folder: string, agents: Agents): string {
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
