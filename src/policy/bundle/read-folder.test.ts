import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BundleUnreadable, readBundleFolder } from "./read-folder.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-bundle-"));
  await mkdir(join(dir, "tools"));
  await writeFile(join(dir, "bundle.jsonc"), "{}");
  await writeFile(join(dir, "tools", "a.jsonc"), "[]");
});
afterEach(() => rm(dir, { recursive: true }));

const codeOf = (reading: Promise<unknown>): Promise<unknown> =>
  reading.then(
    () => null,
    (error: unknown) => (error instanceof BundleUnreadable ? error.code : error),
  );

describe("readBundleFolder", () => {
  it("reads every file but notes and dot files, with / in paths", async () => {
    await writeFile(join(dir, "README.md"), "x");
    await mkdir(join(dir, ".git"));
    await writeFile(join(dir, ".git", "config"), "x");
    expect(await readBundleFolder(dir)).toEqual({ "bundle.jsonc": "{}", "tools/a.jsonc": "[]" });
  });

  it("does not follow links: they reach any file of the machine", async () => {
    await symlink("/etc/hostname", join(dir, "tools", "b.jsonc"));
    expect(await codeOf(readBundleFolder(dir))).toBe("not_a_file");
    await rm(join(dir, "tools", "b.jsonc"));
    await symlink("/etc", join(dir, "policies"));
    expect(await codeOf(readBundleFolder(dir))).toBe("not_a_file");
  });

  it("refuses what is no UTF-8, too big, or no bundle", async () => {
    await writeFile(join(dir, "trust.jsonc"), Buffer.from([0xff, 0xfe]));
    expect(await codeOf(readBundleFolder(dir))).toBe("not_utf8");
    await writeFile(join(dir, "trust.jsonc"), "x".repeat(1_048_577));
    expect(await codeOf(readBundleFolder(dir))).toBe("file_too_big");
    expect(await codeOf(readBundleFolder(join(dir, "tools")))).toBe("no_bundle");
  });

  it("keeps a byte order mark for the check to find", async () => {
    await writeFile(join(dir, "trust.jsonc"), "\ufeff{}");
    expect((await readBundleFolder(dir))["trust.jsonc"]).toBe("\ufeff{}");
  });
});
