import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkBundle } from "../../../src/policy/bundle/check.ts";
import { readBundleFolder } from "../../../src/policy/bundle/read-folder.ts";
import { fill, Workspace, WorkspaceBusy } from "./workspace.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "acme-workspace-"));
});

afterEach(() => rmSync(root, { recursive: true }));

describe("the workspace of the demo", () => {
  it("gives the agent a key, and both bundles its public half only", async () => {
    using workspace = new Workspace(root);
    workspace.prepareBundles();
    const secret = JSON.parse(readFileSync(workspace.agentKey("support-agent"), "utf8")) as {
      d: string;
      x: string;
    };
    expect(statSync(workspace.agentKey("support-agent")).mode & 0o777).toBe(0o600);
    for (const bundle of [workspace.bundle, workspace.frozenBundle]) {
      expect(checkBundle(await readBundleFolder(bundle))).toMatchObject({ ok: true });
      const agents = readFileSync(join(bundle, "agents.jsonc"), "utf8");
      expect(agents).toContain(secret.x);
      expect(agents).not.toContain(secret.d);
    }
    const frozen = readFileSync(join(workspace.frozenBundle, "policies/action.cedar"), "utf8");
    expect(frozen).toContain("tickets-are-frozen");
  });

  it("leaves what the user changed, and the key, as they are", () => {
    using workspace = new Workspace(root);
    workspace.prepareBundles();
    const rules = join(workspace.bundle, "policies/action.cedar");
    writeFileSync(rules, "// mine");
    const key = readFileSync(workspace.agentKey("support-agent"), "utf8");
    workspace.prepareBundles();
    expect(readFileSync(rules, "utf8")).toBe("// mine");
    expect(readFileSync(workspace.agentKey("support-agent"), "utf8")).toBe(key);
  });

  it("begins again where the first start was cut off", () => {
    using workspace = new Workspace(root);
    workspace.prepareBundles();
    rmSync(workspace.bundle, { recursive: true });
    workspace.prepareBundles();
    const agents = readFileSync(join(workspace.bundle, "agents.jsonc"), "utf8");
    const { x } = JSON.parse(readFileSync(workspace.agentKey("support-agent"), "utf8")) as {
      x: string;
    };
    expect(agents).toContain(x);
  });

  it("is one demo's at a time", () => {
    using first = new Workspace(root);
    expect(() => new Workspace(root)).toThrow(WorkspaceBusy);
    first[Symbol.dispose]();
    using second = new Workspace(root);
    expect(second.root).toBe(root);
  });
});

describe("a template", () => {
  it("is filled with values of their own types, quotes and all", () => {
    const filled = fill('{ "a": "{{host}}", "b": "{{port}}" }', { host: '/x"y', port: 5_432 });
    expect(JSON.parse(filled)).toEqual({ a: '/x"y', b: 5_432 });
  });

  it("is not filled with something that nobody gave", () => {
    expect(() => fill('"{{constructor}}"', {})).toThrow("constructor");
  });
});
