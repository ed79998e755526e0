import { describe, expect, it } from "vitest";
import { checkBundle } from "./check.ts";
import { takenKeys } from "./taken-keys.ts";
import { goodBundle } from "./testing.ts";

describe("keys that somebody has already", async () => {
  const files = await goodBundle();
  const checked = checkBundle(files);
  const { agents } = (checked as Extract<typeof checked, { ok: true }>).bundle;

  it("are none where all are the agent's own", () => {
    expect(takenKeys(files, agents, () => "own")).toEqual([]);
  });

  it.each([
    ["other_tenant", "another tenant"],
    ["other_agent", "another agent of this tenant"],
  ] as const)("are each a mistake at its line: %s", (standing, whose) => {
    const [agent] = agents;
    const [key] = agent!.keys;
    const found = takenKeys(files, agents, (id) => (id === agent!.id ? standing : "own"));
    expect(found).toHaveLength(agent!.keys.length);
    const lines = files["agents.jsonc"]!.split("\n");
    expect(lines[found[0]!.line - 1]).toContain(key!.x);
    expect(found[0]).toMatchObject({
      code: "jwk_taken",
      file: "agents.jsonc",
      message: `the key "${key!.kid}" of "${agent!.id}" belongs to ${whose}`,
    });
  });
});
