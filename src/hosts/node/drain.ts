import type { Server, ServerResponse } from "node:http";

/**
 * Knows which requests of a server have no answer yet. `server.close` alone would wait for every
 * socket, and a connector's tunnel is one that never ends by itself.
 */
export class Draining {
  readonly #server: Server;
  readonly #unanswered = new Set<ServerResponse>();
  #idle = Promise.withResolvers<void>();

  constructor(server: Server) {
    this.#server = server;
    server.on("request", (_request, response) => {
      this.#unanswered.add(response);
      response.once("close", () => {
        this.#unanswered.delete(response);
        if (this.#unanswered.size === 0) this.#idle.resolve();
      });
    });
  }

  /** Takes no new connection; resolves when all requests are answered, at the latest after `ms`. */
  async drain(ms: number): Promise<void> {
    this.#server.close();
    this.#server.closeIdleConnections();
    this.#idle = Promise.withResolvers<void>();
    if (this.#unanswered.size > 0) {
      const timer = setTimeout(this.#idle.resolve, ms);
      await this.#idle.promise;
      clearTimeout(timer);
    }
    this.#server.closeAllConnections();
  }
}
