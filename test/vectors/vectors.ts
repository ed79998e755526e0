import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

/** Published test vectors live outside the project; POSTERN_VECTORS names another place. */
const folder =
  process.env["POSTERN_VECTORS"] ??
  fileURLToPath(new URL("../../../shared/vectors", import.meta.url));

/** Null, and a line that says so, where the vectors are not at hand. */
export function readVectors(path: string): string | null {
  const file = join(folder, path);
  if (existsSync(file)) return readFileSync(file, "utf8");
  process.stderr.write(`skipped: no test vectors at ${file} (set POSTERN_VECTORS)\n`);
  return null;
}
