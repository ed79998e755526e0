import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleFolder } from "../acceptance/support/bundle-folder.ts";
import { send } from "../acceptance/support/http.ts";
import { Agent, keyPair } from "../acceptance/support/keys.ts";
import { lock, unlock } from "../acceptance/support/locks.ts";
import { mcpClient, outcomeOf } from "../acceptance/support/mcp.ts";
import { nodeHost } from "../acceptance/support/node-host.ts";
import { ROOT } from "../acceptance/support/process.ts";
import { signalsOf, tenantSignals } from "../acceptance/support/signals.ts";
import type { Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { type Asked, askedBy, change } from "./approvals.ts";
import { checked, figure } from "./checked.ts";
import { nothingLeaked, recordVerifies } from "./invariants.ts";

const LAB = { purpose: "lab" };
const CANARY = "canary-of-acme-35";
const ACCESS = "urn:ietf:params:oauth:token-type:access_token";
const TXN = "urn:ietf:params:oauth:token-type:txn_token";

/**
 * Torture 35: tenant A's ids, handles and lists, used by B → indistinguishable from unknown: each answer
 * is held, byte for byte, against the one to a name that nobody has. And A's agent key at B →
 * `cross_tenant_context`, with a signal.
 */
describe("torture 35: what is one tenant's, at another", () => {
  const host = nodeHost();
  let world: World;
  let overlay: string;
  /** A's; B's. */
  let theirs: Workflow;
  let own: Workflow;
  /** What A has, by kind. */
  let ids: { [kind: string]: string };
  let asked: Asked;
  /** All that B was ever answered. */
  const heard: string[] = [];
  beforeAll(async () => {
    overlay = mkdtempSync(join(tmpdir(), "torture-35-"));
    mkdirSync(join(overlay, "tools"));
    const tool = readFileSync(join(ROOT, "test/acceptance/bundle/tools/lab_note.jsonc"), "utf8");
    const only = tool.replaceAll("lab_note", "lab_only_acme");
    writeFileSync(join(overlay, "tools/lab_only_acme.jsonc"), only);
    world = await startWorld("laboratory", host, { overlays: [overlay] });
    const { acme, globex, agent, stranger } = world;
    theirs = await acme.open(agent, "dana", { ...LAB, inputs: { case: CANARY } });
    own = await globex.open(stranger, "pat", LAB);
    const headers = { "idempotency-key": "one-key" };
    const made = { tool: "lab_only_acme", arguments: { text: CANARY } };
    const call = await theirs.request("POST", "/calls", made, { headers });
    await theirs.request("PUT", "/checkpoint", { note: CANARY });
    const refund = await acme.open(agent, "dana", { purpose: "refund" });
    asked = askedBy(await change(refund, { key: CANARY, title: CANARY }));
    const [, admitted] = (await theirs.events()).map(({ event }) => event);
    ids = {
      ...{ workflow: theirs.id, seat: theirs.seat, call: (call.body as { call: string }).call },
      ...{ approval: asked.id, connector: String(admitted?.["connector"]) },
    };
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    rmSync(overlay, { recursive: true, force: true });
  });

  /** Of the same form, and nobody's. */
  const invented = (id: string): string =>
    id.replace(/[0-9a-f]/g, (digit) => (digit === "0" ? "1" : "0"));

  /** Asks twice: about what is A's, and about nothing. */
  async function same(name: string, ask: (id: string) => Promise<string>, id: string) {
    const [real, nothing] = [await ask(id), await ask(invented(id))];
    heard.push(real, nothing);
    const hide = (text: string, which: string): string => text.replaceAll(which, "ID");
    expect(hide(real, id), name).toBe(hide(nothing, invented(id)));
    expect(nothing, name).not.toBe("");
    return real;
  }

  const told = ({ status, text }: { status: number; text: string }): string => `${status} ${text}`;

  it("ids in paths and bodies, with B's own credential", async () => {
    const { globex } = world;
    const get = (path: string) => async (): Promise<string> =>
      told(await own.request("GET", path.startsWith("/") ? path : `${globex.url}/${path}`));
    const asks: [string, string, (id: string) => () => Promise<string>][] = [
      ["a workflow", "workflow", (id) => get(`v1/workflows/${id}`)],
      ["its events", "workflow", (id) => get(`v1/workflows/${id}/events`)],
      ["its checkpoint", "workflow", (id) => get(`v1/workflows/${id}/checkpoint`)],
      ["its undo", "workflow", (id) => get(`/undo?of=${id}`)],
      ["a call of B's workflow", "call", (id) => get(`/calls/${id}`)],
      [
        "a call of that workflow",
        "call",
        (id) => get(`v1/workflows/${ids["workflow"]}/calls/${id}`),
      ],
      ["an approval's page", "approval", (id) => get(`approvals/${id}`)],
    ];
    for (const [name, kind, ask] of asks) {
      const answer = await same(name, (id) => ask(id)(), ids[kind]!);
      expect(answer, name).toMatch(kind === "approval" ? /^200 / : /^404 /);
    }
    await same(
      "a call there",
      async (id) => {
        const made = { tool: "lab_note", arguments: { text: "x" } };
        return told(await own.request("POST", `${globex.url}/v1/workflows/${id}/calls`, made));
      },
      ids["workflow"]!,
    );
    await same(
      "an undo",
      async (id) => told(await own.request("POST", "/undo", { call: id })),
      ids["call"]!,
    );
    checked("I5");
  });

  it("ids in B's humans' hands", async () => {
    const { globex } = world;
    const nonce = `approve:finance:${asked.digest}`;
    const body = { kind: "finance", verdict: "approve", digest: asked.digest };
    await same(
      "a decision",
      async (id) => told(await globex.approvals("erin", "POST", `/${id}/decision`, nonce, body)),
      ids["approval"]!,
    );
    await same(
      "a look",
      async (id) => told(await globex.approvals("erin", "GET", `/${id}`, "look")),
      ids["approval"]!,
    );
    const list = await globex.approvals("erin", "GET", "", "look");
    expect(list.body).toEqual({ approvals: [] });
    heard.push(list.text);
    checked("I5");
  });

  it("credentials, call tokens and join codes at B's doors", async () => {
    const { globex, stranger, lab } = world;
    const token = String(lab.arrivals[0]?.headers["txn-token"]);
    const forms: [string, string, Record<string, string>][] = [
      ["a credential to renew", theirs.credential, { subject_token_type: ACCESS }],
      ["a call token to exchange", token, { subject_token_type: TXN }],
    ];
    for (const [name, good, form] of forms) {
      const garbage = good.replace(/\.[^.]+$/, `.${"A".repeat(86)}`);
      const answers = [];
      for (const one of [good, garbage]) {
        answers.push(told(await globex.exchange(stranger, one, null, { form })));
      }
      heard.push(...answers);
      expect(answers[0], name).toBe(answers[1]);
    }
    const code = await host.joinCode({ tenant: "acme", network: "annex", tier: "internal" });
    const [, secret = "", print = ""] = code.split(".");
    const enrolled = [];
    for (const one of [code, `globex.${secret}.${print}`, `globex.${"A".repeat(43)}.${print}`]) {
      const { publicJwk } = await keyPair("EdDSA", "connector");
      const { kty, crv, x } = publicJwk;
      const body = { code: one, publicKey: { kty, crv, x }, network: "annex", tier: "internal" };
      const headers = { "content-type": "application/json" };
      const url = `${globex.url}/v1/connectors/enroll`;
      enrolled.push(told(await send(url, { method: "POST", headers, body: JSON.stringify(body) })));
    }
    heard.push(...enrolled);
    expect(new Set(enrolled).size).toBe(1);
    expect(enrolled[0]).toMatch(/^401 /);
    checked("I5");
  });

  it("lists and names of tools, asked for before and after A used them", async () => {
    const client = await mcpClient(own, { pin: "2026-07-28" });
    try {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toContain("lab_note");
      expect(JSON.stringify(tools)).not.toContain("lab_only_acme");
      heard.push(JSON.stringify(tools));
      const outcomes = [];
      for (const name of ["lab_only_acme", "lab_only_nobody"]) {
        const over = outcomeOf(await client.callTool({ name, arguments: { text: "x" } }));
        const rest = await own.call(name, { text: "x" });
        outcomes.push([over, rest].map((one) => JSON.stringify({ ...(one as object), call: "" })));
      }
      heard.push(...outcomes.flat());
      expect(outcomes[0]).toEqual(outcomes[1]);
      expect(outcomes[0]![1]).toContain("unknown_tool");
    } finally {
      await client.close();
    }
    // The same idempotency key is another key at another tenant.
    const made = { tool: "lab_note", arguments: { text: "x" } };
    const headers = { "idempotency-key": "one-key" };
    const answer = await own.request("POST", "/calls", made, { headers });
    expect(answer.body).toMatchObject({ reason: { code: "connector_unavailable" } });
    heard.push(answer.text);
    checked("I5");
  });

  it("ids in the hands of B's operator", async () => {
    const held = await lock(host, "tool", "lab_only_acme");
    try {
      const run = async (...args: string[]): Promise<string> => {
        const { code, stdout, stderr } = await host.command(...args, "--tenant", "globex");
        return `${code} ${stdout}${stderr}`;
      };
      await same("a lock", (id) => run("lock", "remove", id), held.lock);
      await same("a workflow", (id) => run("workflow", "events", id), ids["workflow"]!);
      await same("a call", (id) => run("call", "show", id), ids["call"]!);
      heard.push(await run("lock", "list"), await run("connector", "list"));
      heard.push(await run("workflow", "list"));
      expect(await theirs.call("lab_only_acme", { text: CANARY })).toMatchObject({
        reason: { code: "locked", ruleIds: [`lock:${held.lock}`] },
      });
    } finally {
      await unlock(host, held);
    }
    expect((await theirs.call("lab_only_acme", { text: CANARY })).outcome).toBe("ok");
    checked("I5");
  });

  it("A's agent key: cross_tenant_context and a signal, for a workflow, a seat and a bundle", async () => {
    const { globex, agent, stranger, folder } = world;
    const before = (await tenantSignals(host, "globex")).length;
    const acme = await host.record("acme");
    const roaming = new Agent(stranger.id, stranger.assertionKey, agent.proofKey);
    const opened = await globex.redeem(roaming, await globex.signIn("pat"), LAB);
    const cnf = { jkt: await agent.thumbprint() };
    const actor = await stranger.actorToken(globex.tokenEndpoint, own.id, { cnf });
    const seated = await globex.delegate(own, stranger, {}, { actor_token: actor });
    for (const { status, body, text } of [opened, seated]) {
      heard.push(text);
      expect(status).toBe(400);
      expect(body).toMatchObject({
        ...{ error: "access_denied" },
        outcome: { reason: { code: "cross_tenant_context", ruleIds: ["core:tenant"] } },
      });
    }
    expect((await tenantSignals(host, "globex")).slice(before)).toMatchObject([
      { signal: "key_shared", subject: { target: "key", value: cnf.jkt } },
    ]);
    const signals = await signalsOf(own);
    expect(signals.at(-1)).toMatchObject({ signal: "key_shared", containment: null });
    const greedy = bundleFolder(join(folder, "bundle-35"), {
      "support-agent": [stranger.assertionKey, { ...agent.assertionKey, kid: "taken" }],
      "helper-agent": [await keyPair("EdDSA", "helper")],
      "worker-agent": [await keyPair("EdDSA", "worker")],
    });
    const { code, stdout, stderr } = await host.activate("globex", greedy);
    heard.push(stdout, stderr);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("jwk_taken");
    // Nothing of it is in A's own record: what B tries is B's.
    expect(await host.record("acme")).toEqual(acme);
    checked("I5");
  });

  it("nothing of A in all that B was answered, and A goes on", async () => {
    const { acme, agent } = world;
    const [first] = (await theirs.events()).map(({ event }) => event);
    const secrets = [CANARY, String(first?.["human"]), ids["connector"]!];
    const all = heard.join("\n");
    for (const secret of secrets) expect(all).not.toContain(secret);
    expect((await theirs.call("lab_only_acme", { text: "mine" })).outcome).toBe("ok");
    const again = await acme.open(agent, "dana", LAB);
    expect((await again.call("lab_note", { text: "mine" })).outcome).toBe("ok");
    await recordVerifies(host, [theirs, again, own]);
    nothingLeaked(world);
    figure("answers", heard.length);
    checked("I3", "I5", "I6");
  });
});
