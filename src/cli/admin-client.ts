import { request } from "node:http";
import { join } from "node:path";
import { CliError, EXIT } from "./exit.ts";

/** A gateway that does not answer on its own socket in this time will not. */
const TIMEOUT_MS = 30_000;

type Method = "GET" | "POST" | "DELETE";

export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Speaks to the gateway that owns a data folder, over its Unix socket. */
export class AdminClient {
  readonly #socket: string;
  readonly #dataDir: string;
  readonly #tenant: string | undefined;

  constructor(dataDir: string, tenant: string | undefined) {
    this.#dataDir = dataDir;
    this.#socket = join(dataDir, "admin.sock");
    this.#tenant = tenant;
  }

  /** `path` is below the tenant. */
  async ask(method: Method, path: string, body?: unknown): Promise<AdminAnswer> {
    return this.#send(method, `/tenants/${await this.#tenantName()}${path}`, body);
  }

  /** A gateway of one tenant needs no `--tenant`. */
  async #tenantName(): Promise<string> {
    if (this.#tenant !== undefined) return encodeURIComponent(this.#tenant);
    const { body } = await this.#send("GET", "/tenants");
    const { tenants } = body as { tenants: readonly string[] };
    const [only] = tenants;
    if (only !== undefined && tenants.length === 1) return only;
    throw new CliError(`name one with --tenant: ${tenants.join(", ")}`, EXIT.usage);
  }

  #send(method: Method, path: string, body?: unknown): Promise<AdminAnswer> {
    return new Promise((resolve, reject) => {
      const unreachable = (): void =>
        reject(
          new CliError(
            `no gateway answers in ${this.#dataDir}: start one (postern gateway run), or name its data folder with --data`,
          ),
        );
      const outgoing = request(
        {
          socketPath: this.#socket,
          method,
          path,
          timeout: TIMEOUT_MS,
          headers: { host: "localhost", "content-type": "application/json" },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", unreachable);
          incoming.on("end", () => {
            try {
              const text = Buffer.concat(chunks).toString("utf8");
              resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) });
            } catch {
              unreachable();
            }
          });
        },
      );
      outgoing.on("timeout", () => outgoing.destroy());
      outgoing.on("error", unreachable);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
