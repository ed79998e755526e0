import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Operation } from "../../core/model/operation.ts";
import { testKey } from "../../tunnel/testing.ts";
import { CLOSE } from "../../tunnel/protocol.ts";
import { thumbprint } from "../../tunnel/keys.ts";
import { enrollConnector, ENROLL_FAULTS } from "../../connector/enroll.ts";
import { ISSUER, mint } from "../../connector/testing.ts";
import { RUN_FAULTS, startConnector, type RunningConnector } from "../../connector/run.ts";
import { lockStateDir, readState } from "../../connector/state.ts";
import { TestGateway } from "./testing-tunnel.ts";

let dir: string;
let gateway: TestGateway;
let service: Server;
let hits: string[];
let lines: string[];
const running: RunningConnector[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-connector-"));
  gateway = new TestGateway();
  gateway.server.listen(0, "127.0.0.1");
  await once(gateway.server, "listening");
  hits = [];
  lines = [];
  service = createServer((request, response) => {
    hits.push(`${request.method} ${request.url}`);
    if (request.url === "/tickets/hang") return;
    response.setHeader("content-type", "text/plain");
    response.end("CANARY");
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  await config();
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
  await gateway.close();
  service.closeAllConnections();
  await new Promise((resolve) => service.close(resolve));
  await rm(dir, { recursive: true, force: true });
});

const configPath = (): string => join(dir, "connector.jsonc");

async function config(change: object = {}): Promise<void> {
  const origin = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const tickets = { kind: "http", origin, methods: ["GET"], paths: ["/tickets/{id}"] };
  const all = { network: "acme", tier: "internal", stateDir: "./state", destinations: { tickets } };
  await writeFile(configPath(), JSON.stringify({ ...all, ...change }));
}

const enroll = (change: { gateway?: string; code?: string; tenant?: string } = {}) =>
  enrollConnector({
    configPath: configPath(),
    gateway: gateway.url,
    tenant: "acme",
    code: gateway.code,
    env: {},
    ...change,
  });

async function start(): Promise<RunningConnector> {
  const ready = Promise.withResolvers<void>();
  const started = await startConnector({
    configPath: configPath(),
    gateway: gateway.url,
    env: {},
    log: (level, event, fields) => lines.push(JSON.stringify({ level, event, ...fields })),
    ready: () => ready.resolve(),
  });
  if (!started.ok) throw new Error(started.fault);
  running.push(started.connector);
  await ready.promise;
  return started.connector;
}

function operation(path = "/tickets/1"): Operation {
  return { http: { method: "GET", destination: "tickets", path, query: "", contentDigest: null } };
}

/** The gateway's keys that the connector would believe after a restart. */
async function pinned(): Promise<string[]> {
  return ((await readState(join(dir, "state")))?.state.keys ?? []).map(thumbprint);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

function send(path?: string, txn = "txn_1", timeoutMs = 5_000, key = gateway.key) {
  const presenter = gateway.end.choose("acme", "acme", "internal");
  if (presenter === null) throw new Error("nobody is there");
  const request = { operation: operation(path), body: null, contentType: null };
  const token = mint(key, request.operation, presenter, Date.now(), { txn });
  return gateway.end.send("acme", presenter, {
    token,
    call: "call_1",
    request,
    cap: 1_000,
    timeoutMs,
  });
}

describe("enrolment", () => {
  it("keeps the new key to itself, and pins only the gateway key that the code names", async () => {
    expect(await enroll()).toEqual({ ok: true, connector: "con_1", stateDir: join(dir, "state") });
    const enrolled = await readState(join(dir, "state"));
    expect(enrolled?.state).toMatchObject({
      connector: "con_1",
      network: "acme",
      tier: "internal",
      issuer: ISSUER,
    });
    expect(enrolled?.state.keys.map(thumbprint)).toEqual([gateway.key.jwk.kid]);
    expect((await stat(join(dir, "state", "key.json"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, "state"))).mode & 0o777).toBe(0o700);
    const { url, body } = gateway.enrolled as { url: string; body: Record<string, unknown> };
    expect(url).toBe("/acme/v1/connectors/enroll");
    expect(Object.keys(body).sort()).toEqual(["code", "network", "publicKey", "tier"]);
    const { d } = JSON.parse(await readFile(join(dir, "state", "key.json"), "utf8")) as {
      d: string;
    };
    expect(JSON.stringify(body)).not.toContain(d);
  });

  it("happens once a folder", async () => {
    await enroll();
    expect(await enroll()).toMatchObject({ fault: "already_enrolled" });
  });

  it("writes nothing down when anything is wrong", async () => {
    const faults: [string, () => Promise<unknown>][] = [
      ["gateway_url_refused", () => enroll({ gateway: "http://gateway.example" })],
      ["gateway_url_refused", () => enroll({ gateway: "https://user:pw@gateway.example" })],
      ["join_code_malformed", () => enroll({ code: "acme" })],
      ["join_code_other_tenant", () => enroll({ tenant: "other" })],
      ["gateway_unreachable", () => enroll({ gateway: "http://127.0.0.1:1" })],
    ];
    for (const [status, body, fault] of [
      [403, "{}", "enrolment_refused"],
      [302, "", "enrolment_refused"],
      [200, "not json", "answer_malformed"],
      [200, "{}", "answer_malformed"],
      [200, "x".repeat(70_000), "answer_malformed"],
      [200, JSON.stringify({ ...gateway.answer(), connector: "../evil" }), "answer_malformed"],
      [
        200,
        JSON.stringify({ ...gateway.answer(), jwks: { keys: [testKey().jwk] } }),
        "gateway_key_mismatch",
      ],
    ] as const) {
      faults.push([
        fault,
        () => {
          gateway.enrolAnswer = () => ({ status, body });
          return enroll();
        },
      ]);
    }
    for (const [fault, attempt] of faults) {
      expect(await attempt()).toMatchObject({ ok: false, fault });
      expect(await readState(join(dir, "state"))).toBeNull();
    }
    await writeFile(configPath(), "{");
    expect(await enroll()).toMatchObject({
      fault: "config_invalid",
      mistakes: [{ code: "not_jsonc" }],
    });
    await rm(configPath());
    expect(await enroll()).toMatchObject({ fault: "config_unreadable" });
  });

  it("has these faults, which scripts read", () => {
    expect(ENROLL_FAULTS).toEqual([
      "config_unreadable",
      "config_invalid",
      "gateway_url_refused",
      "join_code_malformed",
      "join_code_other_tenant",
      "already_enrolled",
      "state_in_use",
      "gateway_unreachable",
      "enrolment_refused",
      "answer_malformed",
      "gateway_key_mismatch",
    ]);
    expect(RUN_FAULTS).toEqual([
      "config_unreadable",
      "config_invalid",
      "gateway_url_refused",
      "not_enrolled",
      "enrolled_elsewhere",
      "state_in_use",
      "journal_corrupt",
      "address_in_use",
    ]);
  });
});

describe("a running connector", () => {
  it("serves a governed request over a real socket, once", async () => {
    await enroll();
    await start();
    expect(await send()).toMatchObject({ ok: true, status: 200, body: "CANARY" });
    expect(hits).toEqual(["GET /tickets/1"]);
    expect(await send()).toEqual({ ok: false, code: "token_refused", effect: "possible" });
    expect(await send("/admin", "txn_2")).toEqual({
      ok: false,
      code: "destination_not_found",
      effect: "none",
    });
    expect(hits).toHaveLength(1);
    expect(await gateway.end.seen("acme", "con_1", "call_1")).toBe("done");
    expect(await gateway.end.seen("acme", "con_1", "call_ffff")).toBe("never");
    expect(lines.join("\n")).not.toContain("CANARY");
  });

  it("comes back after its socket is lost, with a new session and an old journal", async () => {
    await enroll();
    await start();
    const first = gateway.end.choose("acme", "acme", "internal");
    const hanging = send("/tickets/hang");
    while (hits.length === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const socket of gateway.sockets) socket.destroy();
    expect(await hanging).toEqual({ ok: false, code: "connector_lost", effect: "possible" });
    await gateway.seen("session_begun", 2);
    const second = gateway.end.choose("acme", "acme", "internal");
    expect(second?.connector).toBe("con_1");
    expect(second?.session).not.toBe(first?.session);
    expect(await gateway.end.seen("acme", "con_1", "call_1")).not.toBe("never");
    expect(await send("/tickets/2", "txn_2")).toMatchObject({ ok: true });
  });

  it("finishes what is under way before it stops, with what it knows at its own deadline", async () => {
    await enroll();
    const connector = await start();
    // Of the two deadlines the connector's is the first; a busy machine may look at both at once.
    gateway.slackMs = 3_000;
    const answer = send("/tickets/hang", "txn_1", 2_500);
    while (hits.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await connector.stop();
    expect(await answer).toMatchObject({ code: "deadline_exceeded", effect: "none" });
    expect(gateway.end.choose("acme", "acme", "internal")).toBeNull();
  });

  it("does not serve a gateway with another key", async () => {
    await enroll();
    gateway.key = testKey();
    const started = await startConnector({
      configPath: configPath(),
      gateway: gateway.url,
      env: {},
      log: (level, event, fields) => lines.push(JSON.stringify({ level, event, ...fields })),
      ready: () => lines.push("ready"),
    });
    if (started.ok) running.push(started.connector);
    await gateway.seen("session_refused");
    expect(lines).not.toContain("ready");
    expect(gateway.end.choose("acme", "acme", "internal")).toBeNull();
  });

  it("learns the keys that its gateway announces, and comes back with them after a restart", async () => {
    await enroll();
    const connector = await start();
    gateway.rotate();
    await until(async () => (await pinned()).includes(gateway.key.jwk.kid));
    expect(await pinned()).toEqual([gateway.key.jwk.kid]);
    expect(await send("/tickets/1", "txn_1")).toMatchObject({ ok: true });
    await connector.stop();
    await start();
    expect(await send("/tickets/1", "txn_2")).toMatchObject({ ok: true });
  });

  it("believes no token under a key that its gateway has dropped", async () => {
    await enroll();
    await start();
    const old = gateway.key;
    gateway.rotate();
    expect(await send("/tickets/1", "txn_1", 5_000, old)).toEqual({
      ...{ ok: false, code: "token_refused", effect: "none" },
    });
    expect(await send("/tickets/1", "txn_1")).toMatchObject({ ok: true });
    expect(hits).toHaveLength(1);
  });

  it("comes back after any number of rotations that it slept through", async () => {
    await enroll();
    await (await start()).stop();
    for (let n = 0; n < 5; n++) gateway.rotate();
    await start();
    expect(await send()).toMatchObject({ ok: true });
    await until(async () => (await pinned()).includes(gateway.key.jwk.kid));
  });

  it("says that it must be enrolled anew where nothing leads to the gateway's key", async () => {
    await enroll();
    await (await start()).stop();
    gateway.rotate();
    gateway.chain = [];
    const started = await startConnector({
      configPath: configPath(),
      gateway: gateway.url,
      env: {},
      log: (level, event, fields) => lines.push(JSON.stringify({ level, event, ...fields })),
      ready: () => lines.push("ready"),
    });
    if (started.ok) running.push(started.connector);
    await gateway.seen("session_refused");
    await until(async () => lines.some((line) => line.includes("gateway_key_unknown")));
    expect(lines.join("\n")).toContain("enrol anew");
    expect(lines).not.toContain("ready");
  });

  it("refuses to start where it could not keep its promises", async () => {
    const attempt = async (change: { gateway?: string } = {}): Promise<unknown> =>
      startConnector({
        configPath: configPath(),
        gateway: gateway.url,
        env: {},
        log: () => undefined,
        ready: () => undefined,
        ...change,
      });
    expect(await attempt()).toMatchObject({ fault: "not_enrolled" });
    await enroll();
    expect(await attempt({ gateway: "ws://127.0.0.1" })).toMatchObject({
      fault: "gateway_url_refused",
    });
    const lock = lockStateDir(join(dir, "state"));
    expect(await attempt()).toMatchObject({ fault: "state_in_use" });
    lock?.release();
    for (const place of [{ tier: "critical" }, { tier: "public" }, { network: "office" }]) {
      await config(place);
      expect(await attempt()).toMatchObject({ fault: "enrolled_elsewhere" });
    }
    await config();
    await writeFile(join(dir, "state", "journal.jsonl"), "garbage\n");
    expect(await attempt()).toMatchObject({ fault: "journal_corrupt" });
    await writeFile(configPath(), "{}");
    expect(await attempt()).toMatchObject({ fault: "config_invalid" });
    await rm(configPath());
    expect(await attempt()).toMatchObject({ fault: "config_unreadable" });
  });
});

describe("a stranger on the tunnel", () => {
  const dial = async (): Promise<WebSocket> => {
    const ws = new WebSocket(`${gateway.url.replace("http", "ws")}/acme/tunnel`);
    ws.on("error", () => undefined);
    await once(ws, "open");
    return ws;
  };
  const hello = { t: "hello", v: 1, tenant: "acme", connector: "con_1", nonce: "ab".repeat(32) };
  const CUT = 1_006;

  it.each([
    ["at once", []],
    ["behind a good hello", [JSON.stringify(hello)]],
  ])("is cut when it sends a frame without an end, %s", async (_when, first) => {
    const ws = await dial();
    for (const text of first) ws.send(text);
    ws.send("x".repeat(64 * 1_024), { fin: false });
    expect((await once(ws, "close"))[0]).toBe(CUT);
  });

  it("keeps no connector out, with 63 others who say nothing", async () => {
    await Promise.all(Array.from({ length: 64 }, dial));
    await enroll();
    await start();
    expect(await send()).toMatchObject({ ok: true, body: "CANARY" });
  });

  it("is told why when its frames are only wrong", async () => {
    const ws = await dial();
    ws.send("{}");
    expect((await once(ws, "close"))[0]).toBe(CLOSE.malformed);
  });
});
