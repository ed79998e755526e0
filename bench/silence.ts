import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A private service that takes requests and says nothing. */
export class Silence {
  readonly #server: Server = createServer((_request, response) => {
    this.#held.push(response);
    this.#server.emit("held");
  });
  #held: ServerResponse[] = [];

  get arrived(): number {
    return this.#held.length;
  }

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async holds(count: number): Promise<void> {
    while (this.#held.length < count) await once(this.#server, "held");
  }

  release(): void {
    for (const response of this.#held) response.destroy();
    this.#held = [];
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
