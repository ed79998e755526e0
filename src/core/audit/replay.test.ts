import { describe, expect, it } from "vitest";
import { canonical } from "../model/json.ts";
import {
  ALLOW,
  answered,
  bundleOf,
  callCommand,
  DENY,
  EDGE,
  failing,
  mac,
  openWorld,
  readTool,
  type Script,
  scripted,
  sha256,
  type World,
  writeTool,
} from "../testing.ts";
import { genesis, link } from "./chain.ts";
import { replay, type Replay, type ReplaySource } from "./replay.ts";

const CAREFUL: Script = ({ resource, context }) =>
  resource.id === "customer.contact" || (context["calls"] as number) > 3 ? DENY : ALLOW;

function story(): World {
  const world = openWorld();
  world.script = CAREFUL;
  world.submit(callCommand("call_1"));
  world.now += 25;
  world.submit(answered("call_1"));
  world.submit(
    callCommand("call_2", { tool: "tickets_open", arguments: { title: "Grüße 😀", n: -0.5 } }),
  );
  world.submit(failing("call_2", "connector_lost", "possible"));
  world.submit({ type: "reconcile", call: "call_2", session: "session_1", finding: "never" });
  world.lock({ id: "l1", target: "tool", value: "tickets_open" });
  world.submit(callCommand("call_3", { tool: "tickets_open" }));
  world.locks = null;
  world.submit(callCommand("call_4"));
  world.locks = { epoch: 3, locks: [], revocations: [] };
  world.submit(callCommand("call_5", { tool: "nope", shaped: null }));
  world.submit({ type: "checkpoint", seat: "seat_1", value: [1, { a: null }], bytes: 14 });
  world.submit({ type: "close", seat: null });
  return world;
}

function sourceOf(world: World, more: Partial<ReplaySource> = {}): ReplaySource {
  return {
    tenant: "acme",
    workflow: "wf_1",
    events: world.stored,
    inputs: world.inputs,
    bundleOf: () => ({ view: world.bundle, evaluator: scripted(CAREFUL) }),
    hash: sha256,
    mac,
    ...more,
  };
}

function withInput(world: World, seq: number, text: string | null | undefined): ReplaySource {
  const inputs = new Map(world.inputs);
  if (text === undefined) inputs.delete(seq);
  else inputs.set(seq, text);
  return sourceOf(world, { inputs });
}

const difference = (report: Replay): unknown => (report.identical ? null : report.difference);

describe("replay", () => {
  it("finds the same bytes and hashes in what was decided", () => {
    const world = story();
    expect(replay(sourceOf(world))).toEqual({ identical: true, events: 11, head: world.head });
  });

  it("lets an engine that had trapped trap again, and decides all the rest anew", () => {
    const world = openWorld();
    world.script = () => {
      throw new Error("unreachable executed");
    };
    world.submit(callCommand("call_1"));
    world.script = CAREFUL;
    world.submit(callCommand("call_2"));
    const source = sourceOf(world);
    expect(replay(source)).toMatchObject({ identical: true, events: 3 });
    // Nothing else passes for it.
    const denying = scripted(() => DENY);
    const other = sourceOf(world, { bundleOf: () => ({ view: world.bundle, evaluator: denying }) });
    expect(difference(replay(other))).toMatchObject({ seq: 2, kind: "decision_differs" });
  });

  it("knows nothing of a workflow that never opened, and says so by nothing", () => {
    expect(replay(sourceOf(story(), { events: [], inputs: new Map() }))).toMatchObject({
      events: 0,
    });
  });

  it("reports every single bit that changed in any input", () => {
    const world = story();
    for (const [seq, text] of world.inputs) {
      for (let at = 0; at < text!.length; at += 11) {
        const changed =
          text!.slice(0, at) + String.fromCharCode(text!.charCodeAt(at) ^ 1) + text!.slice(at + 1);
        expect(difference(replay(withInput(world, seq, changed)))).toEqual({
          seq,
          kind: "input_changed",
        });
      }
    }
  });

  it("reports an input that was put in place of another", () => {
    const world = story();
    const report = replay(withInput(world, 3, world.inputs.get(1)));
    expect(difference(report)).toEqual({ seq: 3, kind: "input_changed" });
  });

  it("tells an erased input from a missing one", () => {
    const world = story();
    expect(difference(replay(withInput(world, 4, null)))).toEqual({ seq: 4, kind: "input_erased" });
    expect(difference(replay(withInput(world, 4, undefined)))).toEqual({
      seq: 4,
      kind: "input_missing",
    });
  });

  it.each([
    ["a rule that now denies", { script: (() => DENY) as Script }, ["type"]],
    [
      "a rule of another name",
      { script: ((q) => ({ ...CAREFUL(q), ruleIds: ["renamed"] })) as Script },
      ["plan", "rules"],
    ],
    [
      "a tool that costs more",
      { bundle: bundleOf([readTool({ cost: 11 }), writeTool()]) },
      ["cost"],
    ],
    [
      "a tool with another label",
      { bundle: bundleOf([readTool({ labels: ["x"] }), writeTool()]) },
      ["labels"],
    ],
  ])(
    "reports %s",
    (
      _name,
      { script = CAREFUL, bundle }: { script?: Script; bundle?: World["bundle"] },
      fields,
    ) => {
      const world = story();
      const view = bundle ?? world.bundle;
      const report = replay(
        sourceOf(world, { bundleOf: () => ({ view, evaluator: scripted(script) }) }),
      );
      expect(report).toMatchObject({ difference: { seq: 1, kind: "decision_differs" } });
      expect((difference(report) as { fields: string[] }).fields).toEqual(
        expect.arrayContaining(fields),
      );
    },
  );

  it("names the field of the trust that changed, and no value", () => {
    const world = story();
    const view = bundleOf(undefined, [{ ...EDGE, limits: { ...EDGE.limits, calls: 51 } }]);
    const report = replay(
      sourceOf(world, { bundleOf: () => ({ view, evaluator: scripted(CAREFUL) }) }),
    );
    expect(difference(report)).toEqual({ seq: 0, kind: "decision_differs", fields: ["limits"] });
  });

  it("reports a recorded event that the same input no longer makes", () => {
    const world = story();
    const view = bundleOf(undefined, []);
    const report = replay(
      sourceOf(world, { bundleOf: () => ({ view, evaluator: scripted(CAREFUL) }) }),
    );
    expect(difference(report)).toEqual({ seq: 0, kind: "event_extra" });
  });

  it("reports an event that was written by hand, though chain and digest are right", () => {
    const world = story();
    let previous = genesis(sha256, "acme", "wf_1");
    const events = world.stored.map((event) => {
      const body = JSON.parse(event.bytes) as object;
      const bytes = event.seq === 2 ? canonical({ ...body, cost: 0 }) : event.bytes;
      previous = link(sha256, previous, bytes);
      return { seq: event.seq, bytes, hash: previous };
    });
    expect(difference(replay(sourceOf(world, { events })))).toEqual({
      seq: 2,
      kind: "decision_differs",
      fields: ["cost"],
    });
  });

  it("does not guess where the bundle of that time is not at hand, or is another one", () => {
    const world = story();
    const { digest } = world.bundle;
    const undeterminable = { seq: 0, kind: "undeterminable", policyVersion: digest };
    expect(difference(replay(sourceOf(world, { bundleOf: () => null })))).toEqual(undeterminable);
    const view = bundleOf(undefined, undefined, sha256("another"));
    const report = replay(
      sourceOf(world, { bundleOf: () => ({ view, evaluator: scripted(CAREFUL) }) }),
    );
    expect(difference(report)).toEqual(undeterminable);
  });

  it("names a broken chain before anything is decided", () => {
    const world = story();
    expect(difference(replay(sourceOf(world, { events: world.stored.toSpliced(1, 1) })))).toEqual({
      seq: 1,
      kind: "chain_broken",
      fault: "gap",
    });
    expect(difference(replay(sourceOf(world, { tenant: "other" })))).toMatchObject({
      fault: "hash",
    });
  });

  it("finds the tail that was cut off, by the inputs left behind", () => {
    const world = story();
    const events = world.stored.slice(0, -2);
    expect(difference(replay(sourceOf(world, { events })))).toEqual({
      seq: 9,
      kind: "event_missing",
    });
  });

  const LOCKS = '"locks":{"epoch":1,"locks":[]}';
  it.each([
    ["", "input_changed"],
    ["null", "input_changed"],
    ["[]", "input_changed"],
    ["{}", "input_changed"],
    ['{"command":{},"facts":{}}', "input_changed"],
    [
      '{"command":{"type":"erase"},"facts":{"now":1,"policyVersion":"POLICY",LOCKS}}',
      "event_extra",
    ],
    [
      '{"command":{"type":"call"},"facts":{"now":1,"policyVersion":"POLICY",LOCKS}}',
      "decision_differs",
    ],
    [
      '{"command":{"type":"call","seat":"seat_1"},"facts":{"now":1,"policyVersion":"POLICY","locks":{}}}',
      "input_changed",
    ],
  ])("survives the input %s from someone who holds the key", (text, kind) => {
    const world = story();
    const input = text.replace("POLICY", world.bundle.digest).replace("LOCKS", LOCKS);
    let previous = genesis(sha256, "acme", "wf_1");
    const events = world.stored.map((event) => {
      const body = JSON.parse(event.bytes) as object;
      const bytes = event.seq === 1 ? canonical({ ...body, input: mac(input) }) : event.bytes;
      previous = link(sha256, previous, bytes);
      return { seq: event.seq, bytes, hash: previous };
    });
    const source = withInput(world, 1, input);
    expect(difference(replay({ ...source, events }))).toMatchObject({ seq: 1, kind });
  });

  it("reads back arguments of the greatest depth", () => {
    const world = openWorld();
    const deep = JSON.parse("[".repeat(63) + "]".repeat(63)) as [];
    world.submit(callCommand("call_1", { arguments: deep }));
    expect(
      replay(
        sourceOf(world, {
          bundleOf: () => ({ view: world.bundle, evaluator: scripted(() => ALLOW) }),
        }),
      ),
    ).toMatchObject({
      identical: true,
    });
  });
});
