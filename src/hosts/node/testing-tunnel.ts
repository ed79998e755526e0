import { randomBytes } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { agentServer, type ServerTls } from "./http-server.ts";
import { createTunnelServer, systemClock, type TunnelServer } from "./tunnel.ts";
import { testKey, type TestKey } from "../../tunnel/testing.ts";
import { bare } from "../../tunnel/testing-gateway.ts";
import { type Voucher, voucherText } from "../../tunnel/vouch.ts";
import { GatewayEnd, type TunnelEvent } from "../../tunnel/gateway-end.ts";
import { formatJoinCode } from "../../tunnel/join-code.ts";
import { signText, thumbprint, type Ed25519Jwk } from "../../tunnel/keys.ts";
import { ISSUER } from "../../connector/testing.ts";

/** The gateway's half of an enrolment and a tunnel, without the rest of it. */
export class TestGateway {
  key: TestKey = testKey();
  keys: readonly Ed25519Jwk[] = [bare(this.key)];
  chain: readonly Voucher[] = [];
  readonly events: TunnelEvent[] = [];
  connectorKey: Ed25519Jwk | null = null;
  enrolAnswer: (() => { status: number; body: string }) | null = null;
  enrolled: unknown = null;
  /** How much later than it should be it finds that a time is over. */
  slackMs = 0;
  readonly end = new GatewayEnd(
    {
      connector: (tenant, id) =>
        tenant === "acme" && id === "con_1" && this.connectorKey !== null
          ? { publicKey: this.connectorKey, network: "acme", tier: "internal", revoked: false }
          : null,
      sign: (_tenant, text) => ({
        kid: this.key.jwk.kid,
        signature: signText(this.key.privateKey, text),
      }),
      chain: () => this.chain,
      keys: () => this.keys,
      epoch: () => 0,
      nonce: () => randomBytes(16).toString("hex"),
      signalled: () => undefined,
      observe: (event) => {
        this.events.push(event);
        this.#noticed.splice(0).forEach((resolve) => resolve());
      },
    },
    { ...systemClock, after: (ms, run) => systemClock.after(ms + this.slackMs, run) },
  );
  readonly server: Server;
  readonly #scheme: string;
  readonly tunnels: TunnelServer = createTunnelServer(this.end);
  readonly sockets = new Set<Socket>();
  #noticed: (() => void)[] = [];

  constructor(tls: ServerTls | null = null) {
    this.#scheme = tls === null ? "http" : "https";
    this.server = agentServer(undefined, tls);
    this.server.on("request", async (request: IncomingMessage, response: ServerResponse) => {
      let text = "";
      for await (const chunk of request) text += String(chunk);
      this.enrolled = { url: request.url, body: JSON.parse(text) as unknown };
      const answer = this.enrolAnswer?.() ?? { status: 200, body: JSON.stringify(this.answer()) };
      response.statusCode = answer.status;
      response.end(answer.body);
      this.connectorKey = (JSON.parse(text) as { publicKey: Ed25519Jwk }).publicKey;
    });
    this.server.on("upgrade", (request, socket, head) => {
      this.sockets.add(socket as Socket);
      if (!this.tunnels.upgrade(request, socket, head)) socket.destroy();
    });
  }

  answer(): object {
    const other = testKey().jwk;
    return {
      connector: "con_1",
      issuer: ISSUER,
      audience: ISSUER,
      jwks: { keys: [other, this.key.jwk] },
    };
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get code(): string {
    const secret = randomBytes(32).toString("base64url");
    return formatJoinCode({ tenant: "acme", secret, thumbprint: thumbprint(this.key.jwk) });
  }

  /** The old key names the new one, and nobody believes the old one any more. */
  rotate(): void {
    const old = this.key;
    this.key = testKey();
    const [from, to] = [old.jwk.x, this.key.jwk.x];
    const signature = signText(old.privateKey, voucherText("acme", from, to));
    this.chain = [...this.chain, { from, to, signature }];
    this.keys = [bare(this.key)];
    this.end.announceKeys("acme");
  }

  async seen(type: TunnelEvent["type"], times = 1): Promise<void> {
    while (this.events.filter((one) => one.type === type).length < times) {
      await new Promise<void>((resolve) => this.#noticed.push(resolve));
    }
  }

  async close(): Promise<void> {
    this.tunnels.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
