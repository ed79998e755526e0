import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { isObject, parseStrict } from "../core/model/json.ts";
import { MAX_FRAME_BYTES } from "../tunnel/protocol.ts";
import type { McpServer } from "./config.ts";

/** One message: the largest answer and room for the rest. A line without an end ends the server. */
const MAX_LINE_BYTES = MAX_FRAME_BYTES;
/** Bytes that the server has not read yet: one that does not read gets no more. */
const MAX_UNREAD_BYTES = 2 * MAX_FRAME_BYTES;
/**
 * Bytes that nobody asked for (notifications, requests, answers to nothing) since we last said something: whoever
 * has more to say than its answers would have all of our time. A short one costs as much as a longer one.
 */
const MAX_UNASKED_BYTES = MAX_FRAME_BYTES;
const LEAST_UNASKED_BYTES = 8 * 1_024;
const EXIT_MS = 1_000;
const LF = 0x0a;

export class McpGone extends Error {
  readonly code: "response_too_large" | "output_invalid" | "connection_terminated";

  constructor(code: McpGone["code"]) {
    super(code);
    this.code = code;
  }
}

/**
 * A server of our own making: argv without any shell; the environment that the file lists and no more, a
 * folder of its own, a process group that ends with it. What it writes to stderr may be anything and
 * goes nowhere. The client's own transport would hand on our HOME and PATH.
 */
export class McpStdio implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  /** Why it ended; null: nobody knows. */
  gone: McpGone | null = null;
  readonly #server: Extract<McpServer, { readonly command: unknown }>;
  readonly #folder: string;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Our requests without an answer. */
  #asked = 0;
  #unasked = 0;

  constructor(server: Extract<McpServer, { readonly command: unknown }>, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const [program, ...args] = this.#server.command;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const child = spawn(program, args, {
      cwd: this.#folder,
      env: Object.fromEntries([...this.#server.env].map(([name, secret]) => [name, secret.value])),
      stdio: ["pipe", "pipe", "ignore"],
      shell: false,
      // Its own group: what it starts itself ends with it, and a terminal's signals are ours to pass on.
      detached: true,
      windowsHide: true,
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once("close", () => resolve()));
    child.stdin.on("error", () => this.#end("connection_terminated"));
    child.stdout.on("error", () => this.#end("connection_terminated"));
    child.stdout.on("data", (chunk: Buffer) => this.#receive(chunk));
    // What it started may have left its group and hold the pipe open: no end of its output would come.
    child.once("exit", () => void setTimeout(() => child.stdout.destroy(), EXIT_MS).unref());
    child.once("close", () => {
      this.gone ??= new McpGone("connection_terminated");
      this.#child = null;
      this.onclose?.();
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
  }

  send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#child?.stdin;
    if (!stdin?.writable) return Promise.reject(this.gone ?? new McpGone("connection_terminated"));
    if (stdin.writableLength > MAX_UNREAD_BYTES) {
      this.#end("connection_terminated");
      return Promise.reject(new McpGone("connection_terminated"));
    }
    if ("method" in message && "id" in message) this.#asked++;
    this.#unasked = 0;
    stdin.write(`${JSON.stringify(message)}\n`);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    child.stdin?.end();
    await this.#exitWithin(EXIT_MS);
    if (this.#signal("SIGTERM")) await this.#exitWithin(EXIT_MS);
    this.#signal("SIGKILL");
    child.stdout?.destroy();
    await this.#exited;
  }

  async #exitWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#exited, late]);
    clearTimeout(timer);
  }

  /** False: there is nobody left. */
  #signal(signal: NodeJS.Signals): boolean {
    const pid = this.#child?.pid;
    if (pid === undefined) return false;
    try {
      process.kill(-pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  #receive(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      if (this.gone !== null) return;
      const line = Buffer.concat([...this.#parts, chunk.subarray(from, at)]);
      this.#parts = [];
      this.#bytes = 0;
      from = at + 1;
      this.#line(line);
    }
    const rest = chunk.subarray(from);
    this.#bytes += rest.length;
    if (this.#bytes > MAX_LINE_BYTES) return this.#end("response_too_large");
    if (rest.length > 0) this.#parts.push(rest);
  }

  #line(line: Buffer): void {
    if (line.length > MAX_LINE_BYTES) return this.#end("response_too_large");
    const parsed = parseStrict(line.toString("utf8"));
    // Standard output carries messages and nothing else: who else writes there may write anything.
    if (!parsed.ok || !isObject(parsed.value) || parsed.value["jsonrpc"] !== "2.0") {
      return this.#end("output_invalid");
    }
    if (!Object.hasOwn(parsed.value, "method") && this.#asked > 0) this.#asked--;
    else this.#unasked += Math.max(line.length, LEAST_UNASKED_BYTES);
    if (this.#unasked > MAX_UNASKED_BYTES) return this.#end("response_too_large");
    this.onmessage?.(parsed.value as unknown as JSONRPCMessage);
  }

  #end(code: McpGone["code"]): void {
    if (this.gone !== null) return;
    this.gone = new McpGone(code);
    this.#parts = [];
    this.onerror?.(this.gone);
    this.#signal("SIGKILL");
    this.#child?.stdout?.destroy();
  }
}
