import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createServer as createTls, type Server as TlsServer } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { enrollConnector } from "../../connector/enroll.ts";
import { startConnector, type RunningConnector } from "../../connector/run.ts";
import { mint } from "../../connector/testing.ts";
import { Authority } from "../../connector/testing-certificates.ts";
import { publicTls, type Tls, type TlsMaterial } from "../../connector/tls.ts";
import { openByPost } from "../../tunnel/post-client.ts";
import { FRAME_TYPE, MAX_OVERTAKING, OPEN_PATH, SOCKET_HEADER } from "../../tunnel/post.ts";
import { MAX_HANDSHAKE_FRAME_BYTES, type SeenState } from "../../tunnel/protocol.ts";
import { isConnectorUrl } from "./connector-url.ts";
import { dialListening } from "./listening-connectors.ts";
import { TestGateway } from "./testing-tunnel.ts";

let dir: string;
let gateway: TestGateway;
let service: Server;
let connector: RunningConnector | null;
let origin: string;
let lines: string[];
/** Requests that wait at the service. */
let held: (() => void)[];
let given: number;
const dialling: Disposable[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "postern-listening-"));
  gateway = new TestGateway();
  gateway.server.listen(0, "127.0.0.1");
  await once(gateway.server, "listening");
  [held, given, lines] = [[], 0, []];
  service = createServer((request, response) => {
    response.once("close", () => (given += response.writableFinished ? 0 : 1));
    response.setHeader("content-type", "text/plain");
    const answer = (): void => void response.end(request.url);
    if (request.url === "/tickets/held") held.push(answer);
    else answer();
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  const there = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const tickets = { kind: "http", origin: there, methods: ["GET"], paths: ["/tickets/{id}"] };
  const config = { network: "acme", tier: "internal", stateDir: "./state" };
  const configPath = join(dir, "connector.jsonc");
  await writeFile(configPath, JSON.stringify({ ...config, destinations: { tickets } }));
  const where = { configPath, gateway: gateway.url, env: {} };
  await enrollConnector({ ...where, tenant: "acme", code: gateway.code });
  connector = null;
  const started = await startConnector({
    ...{ ...where, listen: { host: "127.0.0.1", port: 0 }, ready: () => undefined },
    log: (_level, event, fields) => {
      lines.push(event);
      if (event === "listening") origin = `http://127.0.0.1:${String(fields["port"])}`;
    },
  });
  if (!started.ok) throw new Error(started.fault);
  ({ connector } = started);
});
afterEach(async () => {
  for (const one of dialling.splice(0)) one[Symbol.dispose]();
  for (const answer of held) answer();
  await connector?.stop();
  await gateway.close();
  service.closeAllConnections();
  await new Promise((resolve) => service.close(resolve));
  await rm(dir, { recursive: true, force: true });
});

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const at = (origin: string, tls: Tls = publicTls) => new Map([["acme", [{ origin, tls }]]]);
const here = () => gateway.end.choose("acme", "acme", "internal");

async function opened(): Promise<{ connector: string; session: string }> {
  dialling.push(dialListening(at(origin), gateway.end));
  await until(() => here() !== null);
  return here()!;
}

let calls = 0;
function call(id: string, presenter = here()!, timeoutMs = 30_000) {
  const http = { method: "GET", destination: "tickets", path: `/tickets/${id}`, query: "" };
  const operation = { http: { ...http, contentDigest: null } };
  const name = `call_${++calls}`;
  const change = { txn: `txn_${calls}` };
  const token = mint(gateway.key, operation, presenter, Date.now(), change, { call: name });
  const request = { operation, body: null, contentType: null };
  return gateway.end.send("acme", presenter, { call: name, token, request, cap: 1_000, timeoutMs });
}

/** As the gateway asks: again, where a busy machine is late with the answer. */
async function journalled(id: string): Promise<SeenState> {
  for (;;) {
    const state = await gateway.end.seen("acme", "con_1", id);
    if (state !== null) return state;
    await until(() => here() !== null);
  }
}

const post = (path: string, body: string | Uint8Array<ArrayBuffer> = ""): Promise<Response> =>
  fetch(`${origin}${path}`, { method: "POST", body });

/** A stranger, who has proved nothing. */
async function stranger(): Promise<string> {
  const response = await post(OPEN_PATH);
  expect(response.headers.get("content-type")).toBe(FRAME_TYPE);
  expect(await response.text()).toMatch(/^\{"t":"hello",[^\n]*\}\n$/);
  return `${OPEN_PATH}/${response.headers.get(SOCKET_HEADER)}`;
}

/** A frame that came too early, and its copy: of the two, whichever is second is refused at once. */
async function twice(path: string): Promise<{ waits(): Promise<Response> }> {
  const both = [0, 1].map(async (n) => ({ n, response: await post(path, "{}") }));
  const { n, response } = await Promise.race(both);
  expect(response.status).toBe(409);
  return { waits: async () => (await both[1 - n]!).response };
}

describe("a connector that listens", () => {
  it("serves the gateway that dials it: answers as they come, and in no order", async () => {
    await opened();
    const slow = call("held");
    await until(() => held.length === 1);
    const many = await Promise.all(Array.from({ length: 40 }, (_, n) => call(`t-${n}`)));
    for (const [n, answer] of many.entries()) {
      expect(answer).toMatchObject({ ok: true, body: `/tickets/t-${n}` });
    }
    held.pop()?.();
    expect(await slow).toMatchObject({ ok: true, body: "/tickets/held" });
  });

  it("serves a gateway that may wait for the headers of six answers at a time, as a Worker may", async () => {
    let waiting = 0;
    const line: (() => void)[] = [];
    const six = async (url: string, init: RequestInit): Promise<Response> => {
      if (waiting >= 6) await new Promise<void>((resolve) => line.push(resolve));
      waiting++;
      try {
        return await fetch(url, init);
      } finally {
        waiting--;
        line.shift()?.();
      }
    };
    const stop = new AbortController();
    dialling.push({ [Symbol.dispose]: () => stop.abort() });
    void openByPost(origin, (socket) => gateway.end.accept("acme", socket), stop.signal, six);
    await until(() => here() !== null);
    const slow = Array.from({ length: 7 }, () => call("held"));
    await until(() => held.length === slow.length);
    expect(await call("quick")).toMatchObject({ ok: true, body: "/tickets/quick" });
    for (const answer of held.splice(0)) answer();
    for (const answer of await Promise.all(slow)) expect(answer).toMatchObject({ ok: true });
  });

  it("stops what is cut, says what it has seen, and follows the gateway's keys", async () => {
    const presenter = await opened();
    const cut = call("held");
    await until(() => held.length === 1);
    gateway.end.cut("acme", new Set([`call_${calls}`]));
    expect(await cut).toMatchObject({ code: "interrupted" });
    await until(() => given === 1);
    expect(await journalled("call_never")).toBe("never");
    gateway.rotate();
    expect(await call("after")).toMatchObject({ ok: true });
    expect((await gateway.end.rotate("acme", presenter.connector))?.session).toBe(
      presenter.session,
    );
  });

  it("finishes what it has when it is to stop", async () => {
    await opened();
    const last = call("held");
    await until(() => held.length === 1);
    gateway.end.drain("acme", "con_1");
    await connector?.told;
    const stopping = connector?.stop();
    held.pop()?.();
    expect(await last).toMatchObject({ ok: true });
    await stopping;
    await gateway.seen("session_ended");
  });

  it("is dialled again when it was lost, and gives up the session of before", async () => {
    const before = await opened();
    const lost = call("held", before);
    await until(() => held.length === 1);
    // Another dialler, as after a restart of the gateway: its session is the one that counts.
    gateway.end.expel("acme", before.connector);
    expect(await lost).toMatchObject({ code: "connector_lost" });
    await until(() => given === 1);
    await until(() => here() !== null);
    expect(here()?.session).not.toBe(before.session);
    // What its journal says in the next session is a proof, as it is where the connector dials.
    expect(await journalled("call_that_never_came")).toBe("never");
    expect(await journalled(`call_${calls}`)).not.toBe("never");
    expect(await call("again")).toMatchObject({ ok: true });
  });

  it("proves itself to nobody who has not proved to be its gateway", async () => {
    const other = new TestGateway();
    other.connectorKey = gateway.connectorKey;
    dialling.push(dialListening(at(origin), other.end));
    await other.seen("session_refused");
    expect(lines).toContain("gateway_key_unknown");
    expect(other.end.choose("acme", "acme", "internal")).toBeNull();
    other.tunnels.close();
  });
});

describe("somebody who reaches the port of a connector", () => {
  it("finds one path and one method", async () => {
    for (const path of ["/", "/postern", `${OPEN_PATH}/`, `${OPEN_PATH}/${"0".repeat(32)}`]) {
      expect((await post(path)).status).toBe(404);
    }
    expect((await fetch(`${origin}${OPEN_PATH}`)).status).toBe(404);
    expect((await post(`${OPEN_PATH}/${"0".repeat(32)}/0`, "{}")).status).toBe(404);
  });

  it.each([
    ["no JSON", "{"],
    ["a frame of the other side", '{"t":"hello"}'],
    ["a request before any proof", '{"t":"request","id":"0"}'],
    ["two frames in one", '{"t":"beat","now":1,"epoch":0}\n{"t":"beat","now":1,"epoch":0}'],
    ["a key twice", '{"t":"beat","t":"beat","now":1,"epoch":0}'],
  ])("ends a session with %s", async (_, text) => {
    const socket = await stranger();
    expect((await post(`${socket}/0`, text)).status).toBe(410);
    expect((await post(`${socket}/1`, text)).status).toBe(404);
  });

  it("may not say more than a handshake needs, to the byte", async () => {
    const socket = await stranger();
    const fits = "x".repeat(MAX_HANDSHAKE_FRAME_BYTES);
    expect((await post(`${socket}/0`, `${fits}x`)).status).toBe(413);
    expect((await post(`${socket}/0`, fits)).status).toBe(410);
  });

  it("may not hold more sessions than it has handshakes, and keeps no place that is drawn", async () => {
    const asked = await Promise.all(Array.from({ length: 80 }, () => post(OPEN_PATH)));
    const all = asked.flatMap(({ status, headers }) =>
      status === 200 ? [`${OPEN_PATH}/${headers.get(SOCKET_HEADER)}`] : [],
    );
    expect(all.length).toBeGreaterThan(16);
    const ends = await Promise.all(all.map((socket) => post(`${socket}/close`)));
    expect(ends.filter(({ status }) => status === 204)).toHaveLength(16);
    expect(ends.filter(({ status }) => status === 404)).toHaveLength(all.length - 16);
  });

  it("keeps the gateway out with sixteen places no more than with one", async () => {
    await Promise.all(Array.from({ length: 16 }, () => stranger()));
    await opened();
    expect(await call("in")).toMatchObject({ ok: true });
  });

  it("may not run ahead for ever", async () => {
    const first = await stranger();
    expect((await post(`${first}/${MAX_OVERTAKING}`, "{}")).status).toBe(409);
    // One short of it waits for those before, and goes with its session.
    const ahead = await twice(`${first}/${MAX_OVERTAKING - 1}`);
    expect((await post(`${first}/0`, "{")).status).toBe(410);
    expect((await ahead.waits()).status).toBe(410);
    expect((await post(OPEN_PATH)).status).toBe(200);
  });

  it("gets nothing by a copy of a frame, or by a frame in somebody else's session", async () => {
    const socket = await stranger();
    const sent = await twice(`${socket}/1`);
    expect((await post(`${socket}/close`)).status).toBe(204);
    expect((await sent.waits()).status).toBe(410);
    const presenter = await opened();
    expect((await post(`${OPEN_PATH}/${presenter.session}/0`, "{}")).status).toBe(404);
    expect(await call("still")).toMatchObject({ ok: true });
  });
});

describe("a peer that pretends to be a connector that listens", () => {
  const pretending = async (
    answer: (url: string) => { type?: string; socket?: string; body: string; status?: number },
  ): Promise<number> => {
    let asked = 0;
    const server = createServer((request, response) => {
      asked++;
      const {
        type = FRAME_TYPE,
        socket = "ab".repeat(16),
        body,
        status = 200,
      } = answer(request.url ?? "");
      response.writeHead(status, { "content-type": type, [SOCKET_HEADER]: socket });
      response.end(body);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const there = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    using _dialling = dialListening(at(there), gateway.end);
    await until(() => asked >= 2);
    server.closeAllConnections();
    server.close();
    return gateway.events.filter(({ type }) => type === "session_begun").length;
  };
  const hello = JSON.stringify({
    ...{ t: "hello", v: 1, tenant: "acme", connector: "con_1", nonce: "cd".repeat(32) },
  });

  it.each([
    ["another type", () => ({ type: "text/html", body: "" })],
    ["a session of no form", () => ({ socket: "../..", body: hello })],
    ["a frame out of turn", () => ({ body: '{"t":"beat"}\n' })],
    ["an answer to nothing", () => ({ body: `${hello}\n{"t":"answer"}\n` })],
    ["a hello for ever", () => ({ body: `${hello}\n` })],
    ["a redirect", () => ({ status: 302, body: "" })],
    ["bytes that are no text", () => ({ body: "\ufffd\u0000" })],
  ])("is let in by nobody: it says %s", async (_, answer) => {
    expect(await pretending(answer)).toBe(0);
  });
});

describe("a connector that listens behind TLS", () => {
  const ours = new Authority("our authority");
  const other = new Authority("another authority");
  let sidecar: TlsServer;
  let secure: string;
  let refused: number;

  /** As a mesh has it: encrypts, and asks who dials. */
  beforeEach(async () => {
    refused = 0;
    const { cert, key } = ours.issue("connector", { names: ["127.0.0.1"] });
    const mutual = { ca: ours.cert, requestCert: true, rejectUnauthorized: true };
    sidecar = createTls({ cert, key, ...mutual }, (socket) => {
      const plain = connect(Number(new URL(origin).port), "127.0.0.1");
      for (const one of [socket, plain]) one.on("error", () => undefined);
      socket.once("close", () => plain.destroy());
      plain.once("close", () => socket.destroy());
      socket.pipe(plain).pipe(socket);
    });
    sidecar.on("tlsClientError", () => void refused++);
    sidecar.listen(0, "127.0.0.1");
    await once(sidecar, "listening");
    secure = `https://127.0.0.1:${(sidecar.address() as AddressInfo).port}`;
  });
  afterEach(() => sidecar.close());

  it("is served under the authority that is named for it, to whom it was told to let in", async () => {
    const tls = { ca: ours.cert, ...ours.issue("gateway") };
    dialling.push(
      dialListening(
        at(secure, () => tls),
        gateway.end,
      ),
    );
    await until(() => here() !== null);
    expect(await call("over-tls")).toMatchObject({ ok: true, body: "/tickets/over-tls" });
    expect(refused).toBe(0);
  });

  it.each<[string, TlsMaterial]>([
    ["under another authority", { ca: other.cert, ...ours.issue("gateway") }],
    ["under the public ones", ours.issue("gateway")],
    ["without a certificate of ours", { ca: ours.cert }],
    ["with a certificate of others", { ca: ours.cert, ...other.issue("gateway") }],
  ])("is not dialled %s", async (_, tls) => {
    dialling.push(
      dialListening(
        at(secure, () => tls),
        gateway.end,
      ),
    );
    await until(() => refused >= 2);
    expect(gateway.events).toEqual([]);
  });

  it("is dialled with the certificate that came meanwhile", async () => {
    const [old, next] = [other.issue("gateway"), ours.issue("gateway")];
    let tls = { ca: ours.cert, ...old };
    dialling.push(
      dialListening(
        at(secure, () => tls),
        gateway.end,
      ),
    );
    await until(() => refused >= 1);
    tls = { ca: ours.cert, ...next };
    await until(() => here() !== null);
    expect(await call("renewed")).toMatchObject({ ok: true });
  });
});

describe("where a gateway finds connectors that listen", () => {
  it("is an origin: https, or a private address in clear", () => {
    for (const url of [
      "https://connector.internal",
      "https://10.0.0.7:7070",
      "http://127.0.0.1:7070",
      "http://10.1.2.3:7070",
      "http://172.31.0.1",
      "http://[::1]:7070",
      "http://[fd00::7]:7070",
    ]) {
      expect(isConnectorUrl(url), url).toBe(true);
    }
    for (const url of [
      "http://connector.internal",
      "http://localhost:7070",
      "http://8.8.8.8",
      "http://172.32.0.1",
      "http://[2001:db8::1]",
      "https://a.example/path",
      "https://a.example/",
      "https://user@a.example",
      "ftp://10.0.0.1",
      "connector",
    ]) {
      expect(isConnectorUrl(url), url).toBe(false);
    }
  });
});
