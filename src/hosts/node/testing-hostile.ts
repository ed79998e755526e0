import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { Dialler } from "../../connector/dialler.ts";
import { gatewayAgent, tunnelUrl } from "../../connector/dial.ts";
import { Listener } from "../../connector/listener.ts";
import type { SessionParts } from "../../connector/session.ts";
import { GatewayEnd, type TunnelEvent } from "../../tunnel/gateway-end.ts";
import { signText } from "../../tunnel/keys.ts";
import { FRAME_TYPE, OPEN_PATH, SOCKET_HEADER } from "../../tunnel/post.ts";
import { handshakeText } from "../../tunnel/protocol.ts";
import { testKey } from "../../tunnel/testing.ts";
import { bare } from "../../tunnel/testing-gateway.ts";
import { dialListening } from "./listening-connectors.ts";
import { createTunnelServer, systemClock } from "./tunnel.ts";

/** What a hostile peer says: a text, bytes, or a frame that has no end. */
export type Said = string | Buffer | typeof ENDLESS;
export const ENDLESS = Symbol("endless");
/** In a session, or instead of its first frame. */
export type Moment = "fresh" | "live";
/** How the honest end says that it is over: a close code of the gateway, a reason of the connector. */
export type Outcome = number | string;
export const GOES_ON = "goes on";
export const TOO_LARGE = "too large";

export const gatewayKey = testKey();
export const connectorKey = testKey();
const NONCE = "cd".repeat(32);
const SESSION = "5e".repeat(16);
const BLOCK = "x".repeat(64 * 1_024);
type Frame = { readonly t: string; readonly [member: string]: unknown };

async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function sayOn(ws: WebSocket, said: readonly Said[]): void {
  for (const one of said) {
    if (one !== ENDLESS) ws.send(one, { binary: typeof one !== "string" });
    else {
      const more = (): void => {
        if (ws.readyState === ws.OPEN) ws.send(BLOCK, { fin: false }, () => setImmediate(more));
      };
      more();
    }
  }
}

function sayIn(response: ServerResponse, said: readonly Said[]): void {
  for (const one of said) {
    if (one !== ENDLESS) {
      response.write(one);
      response.write("\n");
    } else {
      const more = (): void => {
        if (!response.destroyed) response.write(BLOCK, () => setImmediate(more));
      };
      return more();
    }
  }
  response.end();
}

/** An honest gateway with an honest connector, and a third one in the hands of somebody else. */
export class HonestGateway {
  readonly #events: TunnelEvent[] = [];
  #noticed: (() => void)[] = [];
  readonly signals: string[] = [];
  #sessions = 0;
  readonly end = new GatewayEnd(
    {
      connector: () => ({
        ...{ publicKey: bare(connectorKey), network: "acme", tier: "internal", revoked: false },
      }),
      sign: (_tenant, text) => ({
        kid: gatewayKey.jwk.kid,
        signature: signText(gatewayKey.privateKey, text),
      }),
      chain: () => [],
      keys: () => [bare(gatewayKey)],
      epoch: () => 0,
      nonce: () => String(++this.#sessions).padStart(32, "0"),
      signalled: ({ signal }) => this.signals.push(signal),
      observe: (event) => {
        this.#events.push(event);
        for (const notice of this.#noticed.splice(0)) notice();
      },
    },
    systemClock,
  );
  readonly #tunnels = createTunnelServer(this.end);
  readonly #server = createServer();
  #url = "";
  #honest: WebSocket | null = null;

  async start(): Promise<void> {
    this.#server.on("upgrade", (request, socket, head) =>
      this.#tunnels.upgrade(request, socket, head),
    );
    this.#url = await listening(this.#server);
    this.#honest = await this.#dial("con_honest");
  }

  async stop(): Promise<void> {
    this.#honest?.terminate();
    this.#tunnels.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Whether a question still finds its answer there. */
  async serves(connector: string): Promise<boolean> {
    return (await this.end.seen("acme", connector, "call_1")) === "never";
  }

  /** How it ends what a connector that dials says. */
  async dialled(at: Moment, said: readonly Said[]): Promise<Outcome> {
    const before = this.#events.length;
    const ws = await this.#dial("con_evil", at);
    sayOn(ws, said);
    const outcome = await this.#outcome(before);
    ws.terminate();
    if (outcome === GOES_ON) await this.#over(before);
    return outcome;
  }

  /** The same of one that listens: what it says is the answer to a POST. */
  async dials(at: Moment, said: readonly Said[]): Promise<Outcome> {
    const before = this.#events.length;
    const hello = JSON.stringify(this.#hello("con_evil"));
    let spoken = false;
    const server = createServer(async (request, response) => {
      let text = "";
      for await (const chunk of request) text += String(chunk);
      response.setHeader("content-type", FRAME_TYPE);
      response.setHeader(SOCKET_HEADER, "ab".repeat(16));
      const frame = text.startsWith("{") ? (JSON.parse(text) as Frame) : null;
      if (request.url === OPEN_PATH) return sayIn(response, at === "live" ? [hello] : said);
      if (frame?.t === "challenge") {
        return sayIn(response, [JSON.stringify(prove("con_evil", frame))]);
      }
      if (frame?.t !== "seen" || spoken) return sayIn(response, []);
      spoken = true;
      // In one answer, and in this order: who is still asked has taken all that came before.
      sayIn(response, [...said, JSON.stringify(seen(frame))]);
    });
    const origin = await listening(server);
    const dialling = dialListening(new Map([["acme", [{ origin, tls: () => ({}) }]]]), this.end);
    const outcome = await this.#outcome(before);
    dialling[Symbol.dispose]();
    if (outcome === GOES_ON) await this.#over(before);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return outcome;
  }

  async #outcome(before: number): Promise<Outcome> {
    let over = false;
    const alive = (async () => {
      while (!over && !(await this.serves("con_evil"))) await new Promise((go) => setImmediate(go));
      return GOES_ON;
    })();
    const outcome = await Promise.race([this.#over(before), alive]);
    over = true;
    return outcome;
  }

  async #over(before: number): Promise<number> {
    for (;;) {
      const event = this.#events
        .slice(before)
        .find(({ type, connector }) => type !== "session_begun" && connector !== "con_honest");
      if (event !== undefined) return event.code ?? 0;
      await new Promise<void>((resolve) => this.#noticed.push(resolve));
    }
  }

  #hello(connector: string): Frame {
    return { t: "hello", v: 1, tenant: "acme", connector, nonce: NONCE };
  }

  async #dial(connector: string, at: Moment = "live"): Promise<WebSocket> {
    const ws = new WebSocket(`${this.#url.replace("http", "ws")}/acme/tunnel`);
    ws.on("error", () => undefined);
    await once(ws, "open");
    if (at === "fresh") return ws;
    const begun = Promise.withResolvers<void>();
    ws.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString("utf8")) as Frame;
      if (frame.t === "challenge") ws.send(JSON.stringify(prove(connector, frame)));
      if (frame.t === "welcome") begun.resolve();
      if (frame.t === "seen") ws.send(JSON.stringify(seen(frame)));
      // The honest one says so, or its lease would end.
      if (frame.t === "beat") ws.send('{"t":"beat"}');
    });
    ws.send(JSON.stringify(this.#hello(connector)));
    await begun.promise;
    return ws;
  }
}

function prove(connector: string, { session }: Frame): Frame {
  const of = { tenant: "acme", connector, nonce: NONCE, session: String(session) };
  return {
    t: "proof",
    signature: signText(connectorKey.privateKey, handshakeText("connector", of)),
  };
}

function seen({ id }: Frame): Frame {
  return { t: "seen", id, state: "never" };
}

/** An honest connector that works for whoever holds `gatewayKey`. */
export class HonestConnector {
  #ended: ((reason: string) => void)[] = [];
  readonly #parts = {
    identity: {
      ...{ tenant: "acme", connector: "con_1", gatewayKeys: [bare(gatewayKey)] },
      sign: (text: string) => signText(connectorKey.privateKey, text),
    },
    service: {
      ...{ tenant: "acme", issuer: "i", audience: "a", destinations: new Map() },
      // No request of these is ever done: it waits for the key of its token.
      keys: { ringFor: () => new Promise(() => undefined) },
      executors: new Map(),
      log: (_level: string, event: string, { reason }: { readonly reason?: string }) => {
        if (event === "session_ended") for (const told of this.#ended.splice(0)) told(reason ?? "");
      },
    },
    keys: { replace: () => undefined },
    own: {
      offer: () => Promise.resolve({ key: bare(connectorKey), signature: "A".repeat(86) }),
      began: () => Promise.resolve(),
      failed: () => undefined,
    },
    ready: () => undefined,
    told: () => undefined,
  } as unknown as SessionParts;
  readonly #listener = new Listener(this.#parts);
  #origin = "";

  async start(): Promise<void> {
    this.#origin = `http://127.0.0.1:${await this.#listener.listen("127.0.0.1", 0)}`;
  }

  async stop(): Promise<void> {
    await this.#listener.stop(0);
  }

  /** How it ends what a gateway says that it dials. */
  async dials(at: Moment, said: readonly Said[]): Promise<Outcome> {
    const outcome = Promise.withResolvers<Outcome>();
    this.#ended.push(outcome.resolve);
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.once("connection", (ws) => {
      ws.on("error", () => undefined);
      ws.on("message", (data: Buffer) => {
        const frame = JSON.parse(data.toString("utf8")) as Frame;
        if (frame.t === "rotate") outcome.resolve(GOES_ON);
        else if (frame.t === "hello" && at === "live") ws.send(JSON.stringify(challenge(frame)));
        else if (frame.t === "hello" || frame.t === "proof") {
          if (frame.t === "proof") ws.send(WELCOME);
          sayOn(ws, said);
          if (!said.includes(ENDLESS)) ws.send(ALIVE);
        }
      });
    });
    const url = tunnelUrl(new URL(await listening(server)), "acme");
    const dialler = new Dialler(
      this.#parts,
      url,
      gatewayAgent(() => ({})),
    );
    const ended = await outcome.promise;
    await dialler.stop(0);
    this.#ended.length = 0;
    for (const ws of sockets.clients) ws.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return ended;
  }

  /** The same of a gateway that dials it: each frame is a POST. */
  async dialled(at: Moment, said: readonly Said[]): Promise<Outcome> {
    const ended = new Promise<string>((resolve) => this.#ended.push(resolve));
    const opened = await fetch(`${this.#origin}${OPEN_PATH}`, { method: "POST" });
    const path = `${OPEN_PATH}/${opened.headers.get(SOCKET_HEADER)}`;
    const hello = JSON.parse(await opened.text()) as Frame;
    let turn = 0;
    const post = async (body: string | Buffer | ReadableStream): Promise<[number, string]> => {
      const init = { method: "POST", body, duplex: "half" } as RequestInit;
      const response = await fetch(`${this.#origin}${path}/${turn++}`, init);
      // What it had begun to answer is broken off with its session.
      const text = await response.text().catch(() => null);
      return [text === null && response.ok ? 410 : response.status, text ?? ""];
    };
    if (at === "live")
      for (const text of [JSON.stringify(challenge(hello)), WELCOME]) await post(text);
    // What waits for an answer is not waited for.
    const posts = [...said, ALIVE].map((one) => post(one === ENDLESS ? endless() : one));
    const answers = posts.map(async (posted): Promise<Outcome | null> => {
      try {
        const [status, text] = await posted;
        if (status === 410) return await ended;
        if (status === 413) return TOO_LARGE;
        return text.includes('"t":"rotate"') ? GOES_ON : null;
      } catch {
        // Before the status of it could be read.
        return TOO_LARGE;
      }
    });
    const outcome = await new Promise<Outcome>((resolve) => {
      for (const answer of answers) void answer.then((one) => one !== null && resolve(one));
    });
    await fetch(`${this.#origin}${path}/close`, { method: "POST" });
    await Promise.all(answers);
    this.#ended.length = 0;
    return outcome;
  }
}

const WELCOME = JSON.stringify({ t: "welcome", now: 1, epoch: 0 });
/** Who still works answers this one. */
const ALIVE = JSON.stringify({ t: "rotate", id: "alive" });

export function challenge({ nonce }: Frame, v = 1): Frame {
  const of = { tenant: "acme", connector: "con_1", nonce: String(nonce), session: SESSION };
  const signature = signText(gatewayKey.privateKey, handshakeText("gateway", of));
  return { t: "challenge", v, session: SESSION, kid: gatewayKey.jwk.kid, signature, chain: [] };
}

function endless(): ReadableStream {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(Buffer.from(BLOCK)),
  });
}
