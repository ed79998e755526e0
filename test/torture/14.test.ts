import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { watching } from "../acceptance/support/memory.ts";
import { type NodeHost, nodeHost } from "../acceptance/support/node-host.ts";
import { until } from "../acceptance/support/until.ts";
import type { Outcome, Workflow } from "../acceptance/support/workflow.ts";
import { startWorld, type World } from "../acceptance/support/world.ts";
import { checked, figure } from "./checked.ts";
import { HostileConnector } from "./hostile-connector.ts";
import { ATTACKS, HostileService } from "./hostile-service.ts";
import { layerFolder, type HttpTool } from "./layer.ts";
import { chainHolds, recordHolds } from "./witnesses.ts";

const MB = 1_024 * 1_024;
const MAX_GROWTH_BYTES = 64 * MB;
/** Of the tools below, and what a busy machine adds to it. */
const TIMEOUT_MS = 5_000;
const SLACK_MS = 3_000;
/** The same attack so often at one time. */
const AT_ONCE = 8;

const reading = (id: string, destination: string): HttpTool => ({
  ...{ id, destination, action: "read" },
  http: { method: "GET", path: "/bad", query: ["kind"] },
});

/** Torture 14: malicious connector or service: 1 GB body, gzip bomb, never ends → cut at the caps; memory flat. */
describe("torture 14: answers that want all memory and all time", () => {
  const host: NodeHost = nodeHost();
  const scope = { tenant: "acme", network: "wire", tier: "internal" };
  let world: World;
  let service: HostileService;
  let connector: HostileConnector;
  let workflow: Workflow;
  beforeAll(async () => {
    service = await HostileService.start();
    const overlay = layerFolder({
      destinations: {
        hostile: { kind: "http", network: "acme", tier: "internal" },
        taken: { kind: "http", network: "wire", tier: "internal" },
      },
      tools: [reading("read_hostile", "hostile"), reading("read_taken", "taken")],
    });
    const { origin } = service;
    world = await startWorld("laboratory", host, {
      overlays: [overlay],
      destinations: { hostile: { kind: "http", origin, methods: ["GET"], paths: ["/bad"] } },
    });
    connector = await HostileConnector.enrol(host.urls.gateway, await host.joinCode(scope), scope);
    workflow = await world.acme.open(world.agent, "dana", { purpose: "lab" });
    expect(await workflow.call("lab_huge", { form: "chunked" })).toMatchObject({
      outcome: "failed",
    });
    expect(await workflow.call("lab_note", { text: "x" })).toMatchObject({ outcome: "ok" });
  });
  afterAll(async () => {
    connector?.stop();
    await world?.[Symbol.asyncDispose]();
    await service?.stop();
  });

  /** Every call ends in time, memory stays flat, and others are answered meanwhile. */
  async function survives(
    processes: readonly string[],
    attack: () => Promise<readonly Outcome[]>,
  ): Promise<readonly Outcome[]> {
    const memory = watching(processes.map((name) => host.processes.get(name)!));
    const started = performance.now();
    const [outcomes, other] = await Promise.all([
      attack(),
      workflow.call("lab_note", { text: "meanwhile" }),
    ]);
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS + SLACK_MS);
    expect(other).toMatchObject({ outcome: "ok" });
    for (const { name, before, peak, after } of memory.end()) {
      expect(peak - before, `${name} grew`).toBeLessThan(MAX_GROWTH_BYTES);
      expect(after - before, `${name} kept`).toBeLessThan(MAX_GROWTH_BYTES);
      figure(`${name} grew`, `${Math.round((peak - before) / MB)} MB`);
    }
    return outcomes;
  }

  const codes: { readonly [attack: string]: string } = {
    "a gigabyte in chunks": "response_too_large",
    "a gigabyte as announced": "response_too_large",
    "a gigabyte without an end": "response_too_large",
    "a gzip bomb": "output_invalid",
    "a gzip bomb that does not say so": "output_invalid",
    "a gzip bomb as a transfer coding": "output_invalid",
    "a byte now and then, for ever": "deadline_exceeded",
    silence: "deadline_exceeded",
    "headers without an end": "response_too_large",
    "a header now and then, for ever": "deadline_exceeded",
    "interim answers without an end": "upstream_error",
    "a chunk extension without an end": "response_too_large",
    "a trailer without an end": "response_too_large",
    "two answers": "output_invalid",
  };
  it("knows what to expect of every attack", () => {
    expect(Object.keys(codes)).toEqual(Object.keys(ATTACKS));
  });

  it.each(Object.entries(codes))("a service that sends %s", async (kind, code) => {
    const outcomes = await survives(["gateway", "internal"], () =>
      Promise.all(Array.from({ length: AT_ONCE }, () => workflow.call("read_hostile", { kind }))),
    );
    for (const { outcome, reason } of outcomes) {
      expect([outcome, reason?.code]).toEqual(["failed", code]);
    }
    // A socket that was cut is closed, not kept for the next request.
    if (code !== "output_invalid") await until("it is cut", () => service.open === 0, 30);
  });

  const answered = (id: string, body: string, encoding = "utf8"): string => {
    const contentType = "application/json";
    const answer = { ok: true, status: 200, contentType, encoding, body, truncated: false };
    return JSON.stringify({ t: "answer", id, answer });
  };
  /** Fragments of one message that has no last one. */
  const endless = (socket: WebSocket, bytes: number): void => {
    const fragment = "x".repeat(bytes);
    let sent = 0;
    const more = (): void => {
      if (socket.readyState !== socket.OPEN || (sent += bytes) > 1_024 * MB) return;
      socket.send(fragment, { fin: false }, () => setImmediate(more));
    };
    more();
  };

  const rawly = (socket: WebSocket, bytes: readonly number[]): void => {
    (socket as unknown as { readonly _socket: Socket })._socket.write(Buffer.from(bytes));
  };

  it.each<[string, (socket: WebSocket, id: string) => void, readonly string[]]>([
    [
      "an answer past the tool's cap",
      (socket, id) => socket.send(answered(id, JSON.stringify({ text: "x".repeat(2 * MB) }))),
      ["response_too_large"],
    ],
    [
      "an answer past all that it owes",
      (socket, id) => socket.send(answered(id, JSON.stringify({ text: "x".repeat(8 * MB) }))),
      ["connector_lost"],
    ],
    [
      "a frame past every cap",
      (socket, id) => socket.send(answered(id, "x".repeat(13 * MB))),
      ["connector_lost"],
    ],
    ["a frame without an end, fast", (socket) => endless(socket, MB), ["connector_lost"]],
    [
      "a frame without an end, slowly",
      (socket) => socket.send("{", { fin: false }),
      ["connector_lost", "deadline_exceeded"],
    ],
    [
      "a frame that says it is compressed",
      // FIN, RSV1, text; masked with zeros: nobody agreed on permessage-deflate.
      (socket) => rawly(socket, [0xc1, 0x81, 0, 0, 0, 0, 0x00]),
      ["connector_lost"],
    ],
    [
      "two answers to calls that nobody made",
      (socket, id) => {
        for (let n = 0; n < 2; n++) socket.send(answered(`other-${id}-${n}`, "x".repeat(8 * MB)));
      },
      ["connector_lost", "deadline_exceeded"],
    ],
    [
      "a gzip bomb as base64",
      (socket, id) => socket.send(answered(id, Buffer.alloc(48_000).toString("base64"), "base64")),
      ["output_invalid"],
    ],
    ["nothing at all", () => undefined, ["deadline_exceeded"]],
  ])("a connector that sends %s", async (_, attack, expected) => {
    await connector.connect();
    connector.answer = attack;
    const [outcome] = await survives(["gateway"], async () => [
      await workflow.call("read_taken", { kind: "x" }),
    ]);
    expect(outcome).toMatchObject({ outcome: "failed" });
    expect(expected).toContain(outcome?.reason?.code);
  });

  it("leaves a record that verifies", async () => {
    const events = await workflow.events();
    chainHolds(workflow, events);
    connector.stop();
    await host.gateway.stop();
    await recordHolds(host);
    checked("I3");
  });
});
