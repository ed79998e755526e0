import { isAbsolute, join, resolve } from "node:path";

/** A name means a profile beside the data folder, as the demo lays them. */
export function profileFile(name: string, data: string): string {
  if (isAbsolute(name) || name.includes("/") || name.endsWith(".jsonc")) return resolve(name);
  return join(resolve(data), "..", "profiles", `${name}.jsonc`);
}
