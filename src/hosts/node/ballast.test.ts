import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Ballast } from "./ballast.ts";
import { temporaryFolder } from "./testing.ts";

const size = (folder: string): number => statSync(join(folder, "ballast")).size;

describe("the ballast", () => {
  it("takes room that is really taken, and is nobody else's to read", () => {
    using folder = temporaryFolder();
    const ballast = new Ballast(folder.path);
    expect(ballast.bytes).toBe(4 * 1_024 * 1_024);
    const stat = statSync(join(folder.path, "ballast"));
    expect(stat.size).toBe(ballast.bytes);
    expect(stat.blocks * 512).toBeGreaterThanOrEqual(ballast.bytes);
    expect(stat.mode & 0o777).toBe(0o600);
  });

  it("gives its room, and takes it again", () => {
    using folder = temporaryFolder();
    const ballast = new Ballast(folder.path);
    ballast.release();
    expect(ballast.bytes).toBe(0);
    expect(() => size(folder.path)).toThrow();
    ballast.restore();
    expect(size(folder.path)).toBe(4 * 1_024 * 1_024);
  });

  it("is there again after a start, whatever was left of it", () => {
    using folder = temporaryFolder();
    new Ballast(folder.path).release();
    expect(new Ballast(folder.path).bytes).toBe(4 * 1_024 * 1_024);
  });

  it("that cannot be made stops nobody", () => {
    using folder = temporaryFolder();
    const ballast = new Ballast(join(folder.path, "nowhere"));
    expect(ballast.bytes).toBe(0);
    chmodSync(folder.path, 0o700);
    ballast.release();
    ballast.restore();
    expect(ballast.bytes).toBe(0);
  });
});
