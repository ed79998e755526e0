import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { goodBundle } from "../policy/bundle/testing.ts";
import { main } from "./main.ts";

const PATH = "tools/books_find.jsonc";
let dir = "";
let before = "";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tool-file-"));
  for (const [path, text] of Object.entries(await goodBundle())) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  const text = await readFile(join(dir, PATH), "utf8");
  before = text.replace("{", '{\n  // Guessed.\n  "review": ["action", "tier", "output"],');
  await writeFile(join(dir, PATH), before);
});

afterEach(() => rm(dir, { recursive: true }));

async function run(...args: readonly string[]): Promise<[number, string]> {
  let out = "";
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation((text: unknown) => {
      out += String(text);
      return true;
    }),
  );
  try {
    return [await main(["tool", ...args, "--bundle", dir]), out];
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const now = (): Promise<string> => readFile(join(dir, PATH), "utf8");

describe("postern tool tier and pin", () => {
  it("confirm one member after the other, and keep every comment", async () => {
    const [tier, told] = await run("tier", "books_find", "public");
    expect(tier).toBe(0);
    expect(told).toContain("still to be confirmed: action, output");
    expect(await now()).toContain('"tier": "public"');
    expect((await run("pin", "books_find", "action"))[1]).toContain(
      "still to be confirmed: output",
    );
    expect((await run("pin", "books_find"))[1]).toContain("nothing is left to confirm");
    const after = await now();
    expect(after).not.toContain('"review"');
    const comments = (text: string): readonly string[] => text.match(/\/\/.*/g) ?? [];
    expect(comments(after)).toEqual(expect.arrayContaining([...comments(before).slice(1)]));
  });

  it.each<[string, readonly string[], number]>([
    ["a tier above the destination's", ["tier", "books_find", "critical"], 1],
    ["a word that is no tier", ["tier", "books_find", "secret"], 2],
    ["a tool that is not there", ["pin", "books_found"], 2],
    ["a file outside of the bundle", ["pin", "../bundle"], 2],
    ["a member that is not to be confirmed", ["pin", "books_find", "labels"], 2],
  ])("write nothing for %s", async (_, args, code) => {
    expect((await run(...args))[0]).toBe(code);
    expect(await now()).toBe(before);
  });
});
