import { describe, expect, it } from "vitest";
import type { BundleView } from "../../core/model/bundle.ts";
import type { SettleCommand } from "../../core/model/command.ts";
import type { Json } from "../../core/model/json.ts";
import type { ToolResult } from "../../core/model/outcome.ts";
import type { Session } from "../../gateway/ports.ts";
import { sha256 } from "./keys.ts";
import { nodeSources } from "./sources.ts";
import { callCommand, hostOn, openCommand, READ, temporaryFolder, WRITE } from "./testing.ts";

const PLACE = { tenant: "acme", workflow: "wf_1" };
const OTHER = { ...WRITE, trusted: false };

/** A bundle in which `notes_read` is trusted, or not any more. */
function bundle(digest: string, trusted = true): BundleView {
  const tools = new Map([{ ...READ, trusted }, OTHER].map((tool) => [tool.id, tool]));
  return { digest, tool: (id: string) => tools.get(id) } as unknown as BundleView;
}

const text = (value: string): ToolResult => ({ kind: "json", value: { found: value } });

async function answered(session: Session, call: string, result: ToolResult): Promise<void> {
  await session.submit(callCommand(call));
  const settle: SettleCommand = {
    type: "settle",
    call,
    settlement: {
      ...{ kind: "answered", redactions: [], dropped: 0, undeclared: 0 },
      ...{ truncated: false, bytes: 1, canaries: 0 },
    },
    runtimeMs: 1,
  };
  const outcome = { outcome: "ok", call, result } as unknown as Json;
  await session.submit(settle, () => ({ outcome }));
}

async function opened(host: ReturnType<typeof hostOn>, inputs = {}): Promise<Session> {
  const session = host.sessions.create("acme", "wf_1");
  await session.submit({ ...openCommand("wf_1", session.keyDigest), inputs });
  return session;
}

const ask = (value: string): ReadonlyMap<string, readonly string[]> => new Map([["to", [value]]]);

describe("what a workflow has seen", () => {
  it("is what its human entered and its tools gave, also when it is read again", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host, { to: "ann@corp.com" });
    await answered(session, "call_1", text("bob@corp.com"));
    const load = host.sessions.load.bind(host.sessions);
    const sources = nodeSources(load, () => bundle(sha256("one")));
    expect(await sources.lookup(PLACE, ask("ann@corp.com"))).toEqual({ to: ["human"] });
    expect(await sources.lookup(PLACE, ask("bob@corp.com"))).toEqual({ to: ["trusted"] });
    expect(await sources.lookup(PLACE, ask("eve@evil.org"))).toEqual({ to: ["unknown"] });

    sources.learn(PLACE, { tool: WRITE.id, definition: WRITE.definition }, text("eve@evil.org"));
    expect(await sources.lookup(PLACE, ask("eve@evil.org"))).toEqual({ to: ["untrusted"] });
    sources.learn(PLACE, { tool: READ.id, definition: READ.definition }, text("eve@evil.org"));
    expect(await sources.lookup(PLACE, ask("eve@evil.org"))).toEqual({ to: ["trusted"] });
  });

  it("is of this workflow alone, and of none that is not there", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    await opened(host, { to: "ann@corp.com" });
    const load = host.sessions.load.bind(host.sessions);
    const sources = nodeSources(load, () => bundle(sha256("one")));
    for (const place of [
      { tenant: "acme", workflow: "wf_2" },
      { tenant: "globex", workflow: "wf_1" },
    ]) {
      expect(await sources.lookup(place, ask("ann@corp.com"))).toEqual({ to: ["unknown"] });
    }
  });

  it("loses the trust that a tool loses, also for what it gave before and for what was out", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host);
    await answered(session, "call_1", text("bob@corp.com"));
    let active = bundle(sha256("one"));
    const load = host.sessions.load.bind(host.sessions);
    const sources = nodeSources(load, () => active);
    expect(await sources.lookup(PLACE, ask("bob@corp.com"))).toEqual({ to: ["trusted"] });
    active = bundle(sha256("two"), false);
    const call = { tool: READ.id, definition: READ.definition };
    sources.learn(PLACE, call, text("bob@corp.com"));
    expect(await sources.lookup(PLACE, ask("bob@corp.com"))).toEqual({ to: ["untrusted"] });
    sources.learn(PLACE, call, text("carl@corp.com"));
    expect(await sources.lookup(PLACE, ask("carl@corp.com"))).toEqual({ to: ["untrusted"] });
  });

  it("trusts no tool whose description is another by now", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    await opened(host);
    const load = host.sessions.load.bind(host.sessions);
    const sources = nodeSources(load, () => bundle(sha256("one")));
    await sources.lookup(PLACE, ask("warm"));
    sources.learn(PLACE, { tool: READ.id, definition: sha256("before") }, text("bob@corp.com"));
    expect(await sources.lookup(PLACE, ask("bob@corp.com"))).toEqual({ to: ["untrusted"] });
  });

  it("is unknown where nothing may be read: before the first bundle no tool is trusted", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    const session = await opened(host, { to: "ann@corp.com" });
    await answered(session, "call_1", text("bob@corp.com"));
    const sources = nodeSources(host.sessions.load.bind(host.sessions), () => null);
    expect(await sources.lookup(PLACE, ask("bob@corp.com"))).toEqual({ to: ["untrusted"] });
    expect(await sources.lookup(PLACE, ask("ann@corp.com"))).toEqual({ to: ["human"] });
  });

  it("is kept for many workflows, and read again for the one that had to leave", async () => {
    using folder = temporaryFolder();
    using host = hostOn(folder.path);
    await opened(host, { to: "ann@corp.com" });
    const loads: string[] = [];
    const sources = nodeSources(
      (tenant, workflow) => {
        loads.push(workflow);
        return workflow === "wf_1" ? host.sessions.load(tenant, workflow) : null;
      },
      () => bundle(sha256("one")),
    );
    const lookUp = (workflow: string): Promise<unknown> =>
      sources.lookup({ tenant: "acme", workflow }, ask("ann@corp.com"));
    await lookUp("wf_1");
    for (let at = 0; at < 255; at++) await lookUp(`wf_other_${at}`);
    await lookUp("wf_1");
    expect(loads.filter((one) => one === "wf_1")).toHaveLength(1);
    for (let at = 255; at < 600; at++) await lookUp(`wf_other_${at}`);
    expect(await lookUp("wf_1")).toEqual({ to: ["human"] });
    expect(loads.filter((one) => one === "wf_1")).toHaveLength(2);
  });
});
