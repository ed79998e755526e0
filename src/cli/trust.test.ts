import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LockTable } from "../core/model/lock.ts";
import { bundleOf, DOWN, EDGE, readTool, sha256, writeTool } from "../core/testing.ts";
import { trustView, whoCan } from "../policy/trust-view.ts";
import { adminSurface } from "../surfaces/admin/app.ts";
import type { Administration } from "../surfaces/admin/ports.ts";

const POSTERN = join(import.meta.dirname, "..", "..", "bin", "postern.js");

/** A gateway's admin socket, with this bundle and these locks behind it. */
describe("postern trust", () => {
  const limits = { ...EDGE.limits, tokens: 9_000, tools: { tickets_open: 3 } };
  const edge = { ...EDGE, claims: { groups: ["support", "staff"], org: ["acme"] }, limits };
  const down = { ...DOWN, tools: ["customers_find"], limits: { calls: 5 } };
  const tools = [readTool(), writeTool(), writeTool({ id: "payroll_pay", canary: true })];
  const some = { ...edge, tools: ["customers_find", "tickets_open"] };
  const bundle = bundleOf(tools, [some], sha256("bundle"), { delegations: [down] });
  let table: LockTable | null;
  let active = true;
  let folder: string;
  let server: Server;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "trust-"));
    const admin = {
      tenants: ["acme"],
      showTrust: (tenant) => (active ? trustView(bundle, tenant, table) : null),
      whoCan: (tenant, tool) => (active ? whoCan(bundle, tenant, tool, table) : null),
    } satisfies Partial<Administration> as unknown as Administration;
    server = createServer(getRequestListener(adminSurface(admin).fetch));
    await new Promise<void>((resolve) => server.listen(join(folder, "admin.sock"), resolve));
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  function trust(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
    return new Promise((resolve) => {
      const argv = [POSTERN, "trust", ...args, "--data", folder];
      execFile(process.execPath, argv, (error, out, err) => {
        resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err });
      });
    });
  }

  it("shows every edge and delegation, and what is locked now", async () => {
    const lock = { id: "lck_1", target: "tool", value: "tickets_open" } as const;
    table = { epoch: 1, locks: [lock], revocations: [] };
    const { code, out } = await trust("show");
    expect(code).toBe(0);
    expect(out).toBe(`policy version ${sha256("bundle")}

trust:support
  humans    groups: support or staff, and org: acme
  agents    support-agent
  purposes  support-case
  tools     customers_find, tickets_open
  limits    50 calls, cost 1000, 60 s of runtime, 9000 tokens, 3 of tickets_open
  life      60 min, at most 10 live of one human with one agent

delegation:down
  from    support-agent
  to      helper-agent
  tools   customers_find
  limits  5 calls
  life    10 min

locked now
  tool tickets_open  lock:lck_1
`);
  });

  it("answers who can reach a tool with the chain of every way", async () => {
    table = { epoch: 0, locks: [], revocations: [] };
    const { code, out } = await trust("who-can", "customers_find");
    expect(code).toBe(0);
    const [, ...lines] = out.trimEnd().split("\n");
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ["HUMANS", "PURPOSES", "AGENTS", "THROUGH"],
      ["groups: support or staff, and org: acme", "support-case", "support-agent", "trust:support"],
      [
        ...["groups: support or staff, and org: acme", "support-case"],
        ...["support-agent > helper-agent", "trust:support > delegation:down"],
      ],
    ]);
    const json = await trust("who-can", "tickets_open", "--json");
    expect(JSON.parse(json.out)).toMatchObject({
      policyVersion: sha256("bundle"),
      ways: [{ through: ["trust:support"], agents: ["support-agent"] }],
    });
  });

  it("ends with 1 where nobody can, and where there is no such tool", async () => {
    const nobody = await trust("who-can", "payroll_pay");
    expect([nobody.code, nobody.out]).toEqual([1, expect.stringMatching(/^nobody can reach /)]);
    const unknown = await trust("who-can", "ticket_open");
    expect([unknown.code, unknown.out]).toEqual([
      1,
      expect.stringContaining("did you mean tickets_open?"),
    ]);
    const json = await trust("who-can", "\u001b[31m", "--json");
    expect([json.code, JSON.parse(json.out)]).toMatchObject([1, { tool: null, ways: [] }]);
    expect((await trust("who-can", "x".repeat(129))).code).toBe(2);
  });

  it("says that nobody can tell what is locked, and that no bundle is active", async () => {
    table = null;
    expect((await trust("show")).out).toContain("cannot be read: nothing is admitted now");
    active = false;
    for (const args of [["show"], ["who-can", "tickets_open"]]) {
      const { code, err } = await trust(...args);
      expect([code, err]).toEqual([1, expect.stringContaining("postern bundle activate")]);
    }
  });
});
