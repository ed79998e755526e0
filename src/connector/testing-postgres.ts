import { connect, createServer, type NetConnectOpts, type Socket } from "node:net";
import type { SqlOperation } from "../core/model/operation.ts";
import type { PostgresDestination } from "./config.ts";
import type { Execution } from "./executor.ts";
import { Reach } from "./lookup.ts";
import { Secret } from "./secret.ts";

export function postgresDestination(change: Partial<PostgresDestination>): PostgresDestination {
  return {
    kind: "postgres",
    host: "127.0.0.1",
    port: 5_432,
    tls: false,
    database: "postgres",
    user: "postgres",
    password: Secret.fixed("ignored by the embedded server"),
    role: null,
    statements: new Set(),
    connections: 4,
    reach: new Reach(),
    limits: { concurrency: 4, queue: 64 },
    embedding: null,
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
    idempotencyKey: null,
    mode: "execute",
    preview: null,
    token: "token",
    principals: { human: "dana", agent: "support-agent", workflow: "wf_1" },
    tool: "tool:t",
    cap: 100_000,
    remainingMs: () => 10_000,
    signal: new AbortController().signal,
    journal: () => Promise.resolve(true),
    ...change,
  };
}

export interface LossyProxy {
  cutOnNextData(): void;
  close(): Promise<void>;
}

/**
 * In front of a real server; cuts both sides when a message from the client holds `word`: before the
 * server gets it, or after the server has answered it.
 */
export async function lossyProxy(
  path: string,
  target: string | NetConnectOpts,
  word: string | null,
  when: "before" | "after" = "before",
): Promise<LossyProxy> {
  const sockets: Socket[] = [];
  let cutNext = false;
  const proxy = createServer((client) => {
    const upstream = typeof target === "string" ? connect(target) : connect(target);
    let answered = true;
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.on("data", (bytes) => {
      const hit = cutNext || (word !== null && bytes.includes(word));
      if (!hit || when === "after") upstream.write(bytes);
      if (!hit) return;
      cutNext = false;
      answered = false;
      if (when === "before") client.destroy();
    });
    upstream.on("data", (bytes) => {
      if (answered) client.write(bytes);
      else client.destroy();
    });
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

export interface CountingProxy {
  /** That anybody ever made through it to ask something: a cancellation is none. */
  readonly connections: number;
  close(): Promise<void>;
}

/** `CancelRequest` (PostgreSQL manual, "Message Formats"). */
const CANCEL = 80_877_102;

export async function countingProxy(path: string, target: string): Promise<CountingProxy> {
  const sockets: Socket[] = [];
  let connections = 0;
  const proxy = createServer((client) => {
    const upstream = connect(target);
    sockets.push(client, upstream);
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.once("data", (first: Buffer) => {
      if (first.readInt32BE(4) !== CANCEL) connections++;
    });
    client.pipe(upstream).pipe(client);
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(path, resolve));
  return {
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
