import { connect, createServer, type Socket } from "node:net";
import type { SqlOperation } from "../core/model/operation.ts";
import type { PostgresDestination } from "./config.ts";
import type { Execution } from "./executor.ts";

export function postgresDestination(change: Partial<PostgresDestination>): PostgresDestination {
  return {
    kind: "postgres",
    host: "127.0.0.1",
    port: 5_432,
    tls: false,
    database: "postgres",
    user: "postgres",
    password: "ignored by the embedded server",
    role: null,
    statements: new Set(),
    connections: 4,
    ...change,
  };
}

/** A verified, allowed, journalled request that has ten seconds. */
export function execution(
  sql: Partial<SqlOperation["sql"]>,
  change: Partial<Execution> = {},
): Execution {
  const whole = {
    destination: "x",
    statement: "",
    params: [],
    mode: "read",
    maxRows: 100,
  } as const;
  return {
    operation: { sql: { ...whole, ...sql } },
    body: null,
    contentType: null,
    token: "token",
    principals: { human: "dana", agent: "support-agent", workflow: "wf_1" },
    cap: 100_000,
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    journaled: Promise.resolve(true),
    ...change,
  };
}

export interface LossyProxy {
  cutOnNextData(): void;
  close(): Promise<void>;
}

/** In front of a real server; cuts both sides when a message from the client holds `word`. */
export async function lossyProxy(
  path: string,
  target: string,
  word: string | null,
): Promise<LossyProxy> {
  const sockets: Socket[] = [];
  let cutNext = false;
  const proxy = createServer((client) => {
    const upstream = connect(target);
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.on("data", (bytes) => {
      if (cutNext || (word !== null && bytes.includes(word))) {
        cutNext = false;
        client.destroy();
        upstream.destroy();
      } else upstream.write(bytes);
    });
    upstream.on("data", (bytes) => client.write(bytes));
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(path, resolve));
  return {
    cutOnNextData: () => {
      cutNext = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
