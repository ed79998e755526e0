import { fileURLToPath } from "node:url";
import { checkBundle } from "./check.ts";
import type { Mistake } from "./mistake.ts";
import type { BundleFiles } from "./model.ts";
import { readBundleFolder } from "./read-folder.ts";

const GOOD = fileURLToPath(new URL("../../../test/fixtures/bundles/good", import.meta.url));

export async function goodBundle(): Promise<BundleFiles> {
  return readBundleFolder(GOOD);
}

/** What is wrong with a bundle after one piece of one file was replaced; null: the whole file. */
export function spoilt(
  files: BundleFiles,
  path: string,
  from: string | null,
  to: string,
): readonly Mistake[] {
  const text = files[path] ?? "";
  if (from !== null && !text.includes(from)) throw new Error(`${path} has no ${from}`);
  const changed = from === null ? to : text.replace(from, () => to);
  const result = checkBundle({ ...files, [path]: changed });
  return result.ok ? [] : result.mistakes;
}
