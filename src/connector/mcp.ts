import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from "@modelcontextprotocol/client";
import type { Transport } from "@modelcontextprotocol/client";
import type { McpOperation } from "../core/model/operation.ts";
import type { FailureCode } from "../core/model/outcome.ts";
import type { ConnectorAnswer } from "../tunnel/protocol.ts";
import { backoffMs } from "./backoff.ts";
import type { McpDestination } from "./config.ts";
import { failure, type Execution, type Executor, type HeldBytes } from "./executor.ts";
import { McpRemote } from "./mcp-http.ts";
import { type ListedTool, McpListFault, McpSession } from "./mcp-session.ts";
import { McpGone, McpStdio } from "./mcp-stdio.ts";
import { networkFailure } from "./network-failure.ts";

/** JSON-RPC 2.0: the server's word that it did not do it. */
const NOT_DONE: ReadonlySet<number> = new Set([-32_601, -32_602]);

/** One MCP server: its tools are compared with their pins before anything is asked of one. */
export class McpExecutor implements Executor {
  readonly #open: () => Transport;
  readonly #release: () => Promise<void>;
  readonly #elapsed: () => number;
  #opening: Promise<McpSession> | null = null;
  #session: McpSession | null = null;
  #failures = 0;
  #notBefore = 0;
  #stopped = false;

  /** `folder`: where a server that is spawned works. */
  constructor(
    { server, limits }: McpDestination,
    folder: string,
    held: HeldBytes,
    elapsed: () => number = () => performance.now(),
  ) {
    this.#elapsed = elapsed;
    if ("url" in server) {
      const remote = new McpRemote(server, limits.concurrency, held);
      this.#open = () => remote.open();
      this.#release = () => remote.close();
    } else {
      this.#open = () => new McpStdio(server, folder);
      this.#release = () => Promise.resolve();
    }
  }

  async execute(execution: Execution): Promise<ConnectorAnswer> {
    const { operation, signal, cap } = execution;
    if (!("mcp" in operation)) return failure("destination_not_found", "none");
    const { mcp } = operation;
    let session: McpSession;
    let tool: ListedTool | undefined;
    try {
      session = await unlessAborted(this.#connected(), signal);
      tool = (await unlessAborted(session.tools(), signal)).get(mcp.tool);
    } catch (error) {
      return failure(signal.aborted ? "deadline_exceeded" : failureOf(error).code, "none");
    }
    if (tool === undefined || !isPinned(tool, mcp)) return failure("tool_drifted", "none");
    if (!(await execution.journal(null))) return failure("audit_unavailable", "none");
    if (signal.aborted) return failure("deadline_exceeded", "none");
    try {
      const result = await session.call(tool, mcp.args, execution);
      this.#failures = 0;
      // What went wrong is told in words nobody classified; that it may have acted, nobody denies.
      if (result.isError === true) return failure("upstream_error", "possible");
      const { content, structuredContent } = result;
      const body = JSON.stringify({
        content,
        ...(structuredContent !== undefined && { structuredContent }),
      });
      if (Buffer.byteLength(body) > cap) return failure("response_too_large", "possible");
      const contentType = "application/json";
      return { ok: true, status: 200, contentType, encoding: "utf8", body, truncated: false };
    } catch (error) {
      if (signal.aborted) return failure("deadline_exceeded", "possible");
      // A server over HTTP may have forgotten us: the next call begins anew.
      if (error instanceof SdkHttpError) session.closed = true;
      const { code, done } = failureOf(session.gone ?? error);
      return failure(code, done ? "possible" : "none");
    }
  }

  /** What the server offers, as a call would see it. */
  async list(): Promise<ReadonlyMap<string, ListedTool>> {
    return (await this.#connected()).tools();
  }

  async close(): Promise<void> {
    this.#stopped = true;
    const opening = this.#opening;
    await (await opening?.catch(() => null))?.close();
    await this.#session?.close();
    await this.#release();
  }

  /** A server that dies again and again is begun again ever more slowly. */
  #connected(): Promise<McpSession> {
    if (this.#session !== null && !this.#session.closed) return Promise.resolve(this.#session);
    if (this.#opening !== null) return this.#opening;
    const again = this.#session !== null;
    this.#session = null;
    if (again) this.#pause();
    if (this.#stopped || this.#elapsed() < this.#notBefore) {
      return Promise.reject(new McpGone("connection_terminated"));
    }
    const opening = this.#begin().finally(() => {
      this.#opening = null;
    });
    this.#opening = opening;
    return opening;
  }

  async #begin(): Promise<McpSession> {
    const transport = this.#open();
    try {
      const session = await McpSession.open(transport, this.#elapsed);
      this.#session = session;
      return session;
    } catch (error) {
      this.#pause();
      throw transport instanceof McpStdio && transport.gone !== null ? transport.gone : error;
    }
  }

  #pause(): void {
    this.#notBefore = this.#elapsed() + backoffMs(this.#failures++, Math.random());
  }
}

function isPinned(tool: ListedTool, { pin }: McpOperation["mcp"]): boolean {
  return !tool.shadowed && tool.digest === pin;
}

interface Fault {
  readonly code: FailureCode;
  /** Whether it may have happened all the same. */
  readonly done: boolean;
}

/** By kinds and numbers of errors; their texts are the server's. */
function failureOf(thrown: unknown): Fault {
  const error = thrown instanceof SdkHttpError ? thrown : rootOf(thrown);
  if (error instanceof McpGone || error instanceof McpListFault) {
    return { code: error.code, done: true };
  }
  if (error instanceof ProtocolError) {
    return NOT_DONE.has(error.code)
      ? { code: "upstream_rejected", done: false }
      : { code: "upstream_error", done: true };
  }
  if (error instanceof SdkHttpError) {
    const refused = error.status !== undefined && error.status >= 400 && error.status < 500;
    return refused
      ? { code: "upstream_rejected", done: false }
      : { code: "upstream_error", done: true };
  }
  if (error instanceof SdkError) return { code: SDK[error.code] ?? "upstream_error", done: true };
  return { code: networkFailure(error), done: true };
}

const SDK: { readonly [code in SdkErrorCode]?: FailureCode } = {
  [SdkErrorCode.RequestTimeout]: "deadline_exceeded",
  [SdkErrorCode.ConnectionClosed]: "connection_terminated",
  [SdkErrorCode.NotConnected]: "connection_terminated",
  [SdkErrorCode.InvalidResult]: "output_invalid",
};

/** The client wraps what `fetch` wraps; a loop of causes ends, too. */
function rootOf(error: unknown): unknown {
  let root = error;
  for (let depth = 0; depth < 5 && root instanceof Error && root.cause !== undefined; depth++) {
    root = root.cause;
  }
  return root;
}

/** What is shared goes on for the others. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new Error("aborted"));
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (abort !== undefined) signal.removeEventListener("abort", abort);
  }
}
