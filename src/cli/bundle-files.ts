import { resolve } from "node:path";
import type { BundleFiles } from "../policy/bundle/model.ts";
import { BundleUnreadable, readBundleFolder } from "../policy/bundle/read-folder.ts";
import { CliError } from "./exit.ts";

/** The texts of a bundle's folder, for a command that was given its name. */
export async function bundleFiles(dir: string): Promise<BundleFiles> {
  try {
    return await readBundleFolder(resolve(dir));
  } catch (error) {
    const why = error instanceof BundleUnreadable ? ` (${error.code}: ${error.path})` : "";
    throw new CliError(`${dir} cannot be read${why}: name the folder that holds bundle.jsonc`);
  }
}
