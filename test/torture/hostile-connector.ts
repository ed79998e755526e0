import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { WebSocket } from "ws";
import type { Frame } from "../acceptance/support/wire.ts";
import { send } from "../acceptance/support/http.ts";

interface Scope {
  readonly tenant: string;
  readonly network: string;
  readonly tier: string;
}

/** A connector that was enrolled honestly and is somebody else's now: written after tunnel.md alone. */
export class HostileConnector {
  readonly #gateway: string;
  readonly #tenant: string;
  readonly #id: string;
  readonly #key: KeyObject;
  /** What becomes of a request. */
  answer: (socket: WebSocket, id: string) => void = () => undefined;
  #socket: WebSocket | null = null;
  #beat: NodeJS.Timeout | null = null;

  private constructor(gateway: string, tenant: string, id: string, key: KeyObject) {
    this.#gateway = gateway;
    this.#tenant = tenant;
    this.#id = id;
    this.#key = key;
  }

  static async enrol(gateway: string, code: string, scope: Scope): Promise<HostileConnector> {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const { kty, crv, x } = publicKey.export({ format: "jwk" });
    const { tenant, network, tier } = scope;
    const { body } = await send(`${gateway}/${tenant}/v1/connectors/enroll`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code, publicKey: { kty, crv, x }, network, tier }),
    });
    const { connector } = body as { readonly connector: string };
    return new HostileConnector(gateway, tenant, connector, privateKey);
  }

  /** Resolves when the session has begun; whatever there was before is gone. */
  async connect(): Promise<void> {
    this.stop();
    const socket = new WebSocket(`${this.#gateway.replace("http", "ws")}/${this.#tenant}/tunnel`);
    this.#socket = socket;
    const nonce = randomBytes(32).toString("hex");
    const say = (frame: object): void => socket.send(JSON.stringify(frame));
    const begun = Promise.withResolvers<void>();
    socket.on("error", () => undefined);
    socket.on("close", () => begun.reject(new Error("not let in")));
    socket.on("open", () =>
      say({ t: "hello", v: 1, tenant: this.#tenant, connector: this.#id, nonce }),
    );
    socket.on("message", (data: Buffer) => {
      const frame = JSON.parse(data.toString("utf8")) as Frame;
      if (frame.t === "challenge") say({ t: "proof", signature: this.#prove(nonce, frame) });
      if (frame.t === "welcome") begun.resolve();
      if (frame.t === "request") this.answer(socket, String(frame["id"]));
    });
    await begun.promise;
    say({ t: "beat" });
    this.#beat = setInterval(() => socket.readyState === socket.OPEN && say({ t: "beat" }), 1_000);
  }

  stop(): void {
    if (this.#beat !== null) clearInterval(this.#beat);
    this.#socket?.terminate();
  }

  #prove(nonce: string, { session }: Frame): string {
    const lines = ["postern-tunnel", "1", "connector", this.#tenant, this.#id, nonce, session];
    return sign(null, Buffer.from(lines.join("\n")), this.#key).toString("base64url");
  }
}
