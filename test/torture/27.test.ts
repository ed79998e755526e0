import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeHost } from "../acceptance/support/node-host.ts";
import type { Frame, Tamper } from "../acceptance/support/wire.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import type { Arrival } from "../acceptance/support/lab.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { Random } from "../crash/random.ts";
import { type Asked, askedBy, change } from "./approvals.ts";
import { checked, figure, SEED } from "./checked.ts";
import { effectsWereAllowed, recordVerifies } from "./invariants.ts";

/** Open requests of one workflow are capped at 16, and each changed call becomes one. */
const AT_THE_AGENT = 12;
const ON_THE_WIRE = 100;

/** Torture 27: arguments changed by one byte after approval → refused, wherever it is changed. */
describe(`torture 27: one byte changed after the approval (seed ${SEED})`, () => {
  const host = nodeHost();
  const random = new Random(SEED);
  const opened: Workflow[] = [];
  let world: World;
  let n = 0;
  beforeAll(async () => {
    world = await startWorld("laboratory", host, { wired: true });
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  interface Approved {
    readonly workflow: Workflow;
    readonly args: { readonly key: string; readonly title: string };
    readonly asked: Asked;
  }

  async function approved(): Promise<Approved> {
    const workflow = await world.acme.open(world.agent, "dana", { purpose: "refund" });
    opened.push(workflow);
    const args = { key: `doc-${++n}`, title: `Räksmörgås nr ${n}` };
    const asked = askedBy(await change(workflow, args));
    for (const [login, kind] of [
      ["erin", "finance"],
      ["olga", "second"],
    ] as const) {
      expect((await world.acme.decide(login, asked, kind)).status).toBe(200);
    }
    return { workflow, args, asked };
  }

  const executions = (): readonly Arrival[] =>
    world.lab.arrivals.filter(({ method }) => method === "PATCH");
  const sendText = async ({ workflow }: Approved, args: string): Promise<Outcome> => {
    const raw = `{"tool":"lab_document","arguments":${args}}`;
    const headers = { prefer: "wait=0" };
    return (await workflow.request("POST", "/calls", undefined, { raw, headers })).body as Outcome;
  };

  /** What was approved, and nothing else, was done once. */
  async function carriesOut(one: Approved, before: number, text?: string): Promise<void> {
    expect(executions()).toHaveLength(before);
    const done = await sendText(one, text ?? JSON.stringify(one.args));
    expect(done.outcome).toBe("partial_result");
    expect(executions()).toHaveLength(before + 1);
    const [arrival] = executions().slice(-1);
    expect(arrival).toMatchObject({
      path: `/document/${one.args.key}`,
      body: JSON.stringify({ title: one.args.title }),
      headers: { "if-match": '"v1"', "content-type": "application/json" },
    });
  }

  it("by the agent: it is another call, which nobody has approved", async () => {
    const one = await approved();
    const before = executions().length;
    const text = JSON.stringify(one.args);
    const { key, title } = one.args;
    const others = new Set<string>([
      // Looks the same, and is not.
      JSON.stringify({ key, title: title.normalize("NFD") }),
      JSON.stringify({ key, title: `${title} ` }),
      JSON.stringify({ key, title, secret: "4711" }),
    ]);
    while (others.size < AT_THE_AGENT) others.add(flipped(text));
    const told: { [outcome: string]: number } = {};
    for (const other of others) {
      const outcome = await sendText(one, other);
      const code = (outcome as Partial<Outcome>).outcome ?? "malformed";
      told[code] = (told[code] ?? 0) + 1;
      expect(["human_approval_required", "failed", "malformed"], other).toContain(code);
      if (code === "human_approval_required") {
        const again = askedBy(outcome);
        expect([again.id, again.digest], other).not.toContain(one.asked.id);
        expect(again.digest, other).not.toBe(one.asked.digest);
      }
    }
    for (const [outcome, count] of Object.entries(told)) figure(outcome, count);
    // Other bytes of the same JSON are the same arguments.
    const spelled = ` {"title": ${JSON.stringify(title).replace("R", "\\u0052")}, "key":"${key}"\n}`;
    await carriesOut(one, before, spelled);
  });

  it("on the wire: the connector refuses it, and the approval is still good for what it was", async () => {
    const one = await approved();
    const before = executions().length;
    const codes: { [code: string]: number } = {};
    for (let turn = 0; turn < ON_THE_WIRE; turn++) {
      let what = "";
      const tamper: Tamper = (frame) => {
        const [changed, place] = changedFrame(frame);
        what = `${turn}: ${place}`;
        return [changed];
      };
      const outcome = await world.wire.holding(tamper, () => change(one.workflow, one.args));
      expect(executions(), what).toHaveLength(before);
      const code = outcome.reason?.code ?? outcome.outcome;
      codes[code] = (codes[code] ?? 0) + 1;
      if (outcome.outcome !== "failed") await provenNever(one.workflow, outcome);
    }
    for (const [code, count] of Object.entries(codes)) figure(code, count);
    await carriesOut(one, before);
  });

  it.each<[string, (frame: Frame) => object]>([
    ["another content type", () => ({ contentType: "application/x-www-form-urlencoded" })],
    ["no content type", () => ({ contentType: null })],
    ["another idempotency key", () => ({ idempotencyKey: "call_of_somebody_else" })],
    [
      "no condition on the version",
      ({ preview }) => ({ preview: { ...Object(preview), etag: null } }),
    ],
    ["another version", ({ preview }) => ({ preview: { ...Object(preview), etag: '"v2"' } })],
    ["no approved change", () => ({ preview: null })],
    ["stray bits in the signature", ({ token }) => ({ token: respelled(String(token)) })],
    [
      "the operation of the preview",
      ({ operation }) => ({ operation: asRead(operation), body: null }),
    ],
  ])("on the wire, %s is refused", async (_, tampered) => {
    const one = await approved();
    const before = executions().length;
    const tamper: Tamper = (frame) => [{ ...frame, ...tampered(frame) }];
    const reads = world.lab.arrivals.length;
    const outcome = await world.wire.holding(tamper, () => change(one.workflow, one.args));
    expect(outcome).toMatchObject({ outcome: "failed", retryable: false });
    expect(["token_refused", "destination_not_found"]).toContain(outcome.reason?.code);
    expect(world.lab.arrivals).toHaveLength(reads);
    await carriesOut(one, before);
  });

  it("leaves a record that verifies, and no effect without its own admission", async () => {
    await recordVerifies(host, opened);
    await effectsWereAllowed(world, opened);
    checked("I1", "I3", "I7");
  });

  /** A frame that is none ends the session; the connector dials again, and is asked what it knows. */
  async function provenNever(workflow: Workflow, outcome: Outcome): Promise<void> {
    expect(outcome).toMatchObject({
      outcome: "outcome_unknown",
      reason: { code: "connector_lost" },
    });
    for (;;) {
      const last = (await workflow.eventsOf(outcome.call)).at(-1);
      if (last?.type === "call.reconciled") return expect(last["finding"]).toBe("never");
      await turn();
    }
  }

  /** One character of a text, exchanged for another printable one. */
  function flipped(text: string): string {
    const at = random.integer(0, text.length - 1);
    const other = String.fromCharCode(random.integer(0x20, 0x7e));
    return other === text[at] ? flipped(text) : text.slice(0, at) + other + text.slice(at + 1);
  }

  /** One character of one text somewhere in the frame, but for those that only name the exchange. */
  function changedFrame(frame: Frame): [Frame, string] {
    const places = textsOf(frame).filter(([path]) => path !== "t" && path !== "id");
    const [path, text] = places[random.integer(0, places.length - 1)]!;
    const changed = structuredClone(frame) as { [name: string]: unknown };
    const names = path.split("/");
    const last = names.pop()!;
    const holder = names.reduce((at, name) => at[name] as typeof changed, changed);
    holder[last] = flipped(text);
    return [changed as unknown as Frame, `${path} ${String(holder[last])}`];
  }
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function textsOf(value: object, under = ""): [string, string][] {
  return Object.entries(value).flatMap(([name, member]): [string, string][] => {
    if (typeof member === "string") return [[under + name, member]];
    if (typeof member !== "object" || member === null) return [];
    return textsOf(member as object, `${under}${name}/`);
  });
}

/** The last character of a 64-byte signature has bits that say nothing. */
function respelled(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1)!) + 1];
}

function asRead(operation: unknown): object {
  const { http } = operation as { readonly http: object };
  return { http: { ...http, method: "GET", contentDigest: null } };
}
