import { describe, expect, it } from "vitest";
import type { LockTable, LockTarget } from "../core/model/lock.ts";
import { checkBundle } from "./bundle/check.ts";
import type { BundleSource } from "./bundle/model.ts";
import { goodBundle } from "./bundle/testing.ts";
import { inventoryOf } from "./inventory.ts";

async function library(): Promise<BundleSource> {
  const files = await goodBundle();
  const path = "tools/loans_create.jsonc";
  const guessed = (files[path] ?? "").replace(
    "{",
    '{ "review": ["tier"], "owner": "Lending desk",',
  );
  const checked = checkBundle({ ...files, [path]: guessed });
  if (!checked.ok) throw new Error(JSON.stringify(checked.mistakes));
  return checked.bundle;
}

const lock = (target: LockTarget, value: string) => ({ id: `${target}_1`, target, value });

function states(source: BundleSource, ...locks: LockTable["locks"]): object {
  const table = { epoch: 1, locks, revocations: [] };
  const { tools } = inventoryOf(source, "acme", table, () => null);
  return Object.fromEntries(
    tools.map((one) => [one.tool, one.locks.length === 0 ? one.state : [one.state, ...one.locks]]),
  );
}

describe("the inventory", () => {
  it("knows of every tool who answers for it, what it may touch and when it was last used", async () => {
    const source = await library();
    const used = (tool: string): number | null => (tool === "books_find" ? 86_400_000 : null);
    const { policyVersion, tools } = inventoryOf(
      source,
      "acme",
      { epoch: 1, locks: [], revocations: [] },
      used,
    );
    expect(policyVersion).toBe(source.digest);
    expect(tools.map(({ tool }) => tool)).toEqual(source.tools.map(({ tool }) => tool.id));
    expect(tools[0]).toMatchObject({
      ...{ owner: "library", destination: "catalog", action: "read", writeDomain: null },
      ...{ state: "callable", review: [], lastUsedAt: "1970-01-02T00:00:00.000Z" },
      dataClasses: source.tools[0]?.tool.dataClasses,
      labels: source.tools[0]?.tool.labels,
      definition: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(tools[1]).toMatchObject({
      ...{ owner: "Lending desk", writeDomain: "loans", review: ["tier"], lastUsedAt: null },
    });
  });

  it("tells what an agent's own statement may write", async () => {
    const source = await library();
    const { tools } = inventoryOf(source, "acme", null, () => null);
    expect(tools.find(({ tool }) => tool === "titles_correct")?.writes).toEqual({
      maxRows: 20,
      relations: [
        {
          ...{ relation: "library.books", key: ["id"] },
          ...{ insert: ["id", "title"], update: ["title", "reader"], delete: true },
          also: ["library.changes"],
        },
      ],
    });
    expect(tools.find(({ tool }) => tool === "loans_create")?.writes).toBeNull();
  });

  it("tells what keeps a tool from being called", async () => {
    const source = await library();
    expect(states(source)).toMatchObject({ books_find: "callable", loans_create: "unreviewed" });
    expect(states(source, lock("tool", "books_find"), lock("destination", "desk"))).toMatchObject({
      books_find: ["quarantined", "lock:tool_1"],
      loans_create: ["unreviewed", "lock:destination_1"],
      tables_reserve: ["locked", "lock:destination_1"],
    });
    for (const all of [lock("tenant", "acme"), lock("bundle", source.digest)]) {
      expect(states(source, all)).toMatchObject({ books_find: ["locked", `lock:${all.id}`] });
    }
    const foreign = [lock("tenant", "globex"), lock("tool", "other"), lock("agent", "books_find")];
    expect(states(source, ...foreign)).toMatchObject({ books_find: "callable" });
    const { tools } = inventoryOf(source, "acme", null, () => null);
    expect(new Set(tools.map(({ state }) => state))).toEqual(new Set(["locked"]));
  });
});
