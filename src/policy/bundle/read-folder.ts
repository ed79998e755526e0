import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MAX_FILE_CHARS, MAX_FILES } from "./limits.ts";
import type { BundleFiles } from "./model.ts";
import { isIgnored, MANIFEST_FILE } from "./paths.ts";

export class BundleUnreadable extends Error {
  override readonly name = "BundleUnreadable";
  readonly code: "no_bundle" | "too_many_files" | "file_too_big" | "not_utf8" | "not_a_file";
  readonly path: string;

  constructor(code: BundleUnreadable["code"], path: string) {
    super(`${code}: ${path}`);
    this.code = code;
    this.path = path;
  }
}

/** The only part of bundle reading that touches the disk. */
export async function readBundleFolder(dir: string): Promise<BundleFiles> {
  const files: Record<string, string> = {};
  await readInto(files, dir, "");
  if (files[MANIFEST_FILE] === undefined) throw new BundleUnreadable("no_bundle", dir);
  return files;
}

async function readInto(files: Record<string, string>, dir: string, at: string): Promise<void> {
  for (const name of (await readdir(join(dir, at))).sort()) {
    const path = at === "" ? name : `${at}/${name}`;
    if (isIgnored(path)) continue;
    const full = join(dir, path);
    const info = await lstat(full);
    if (info.isDirectory()) {
      await readInto(files, dir, path);
      continue;
    }
    // A link could pull any file of this machine into a text that is stored and shown.
    if (!info.isFile()) throw new BundleUnreadable("not_a_file", path);
    if (Object.keys(files).length >= MAX_FILES) throw new BundleUnreadable("too_many_files", dir);
    if (info.size > MAX_FILE_CHARS) throw new BundleUnreadable("file_too_big", path);
    try {
      files[path] = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        await readFile(full),
      );
    } catch {
      throw new BundleUnreadable("not_utf8", path);
    }
  }
}
