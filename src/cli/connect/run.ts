import { once } from "node:events";
import type { Workflow } from "../../sdk/client.ts";
import { PosternError } from "../../sdk/error.ts";
import { mcpGreeting } from "../../surfaces/mcp/surface.ts";
import { CliError } from "../exit.ts";
import { printJson } from "../output.ts";
import { listenLoopback } from "./loopback.ts";
import { loadProfile, openLoaded } from "./profile.ts";
import { bridgeStdio } from "./stdio.ts";

export interface ConnectOptions {
  /** The profile's file. */
  readonly profile: string;
  /** A loopback port (0: any free one) in place of standard input and output. */
  readonly http?: number;
  readonly signal: AbortSignal;
}

/**
 * `postern connect`: lends a workflow to MCP clients that know nothing of Postern. It is closed at
 * the end, so that no authority outlives the client it was for.
 */
export async function runConnect({ profile, http, signal }: ConnectOptions): Promise<void> {
  const loaded = loadProfile(profile);
  let opening: Promise<Workflow> | null = null;
  const workflow = (): Promise<Workflow> => {
    opening ??= openLoaded(loaded, signal).catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  try {
    if (http === undefined) await serveStdio(workflow, signal);
    else await serveLoopback(await workflow(), http, signal);
  } finally {
    if (opening !== null) await closed(opening);
  }
}

async function closed(opening: Promise<Workflow>): Promise<void> {
  try {
    await (await opening).close();
  } catch (error) {
    // Never opened; or it ends by itself, when its time is up.
    if (!(error instanceof PosternError || error instanceof CliError)) throw error;
  }
}

async function serveStdio(workflow: () => Promise<Workflow>, signal: AbortSignal): Promise<void> {
  const { stdin: input, stdout: output } = process;
  // A client that stops reading is gone, whatever it left open.
  const gone = new AbortController();
  output.once("error", () => gone.abort());
  const ended = AbortSignal.any([signal, gone.signal]);
  ended.addEventListener("abort", () => input.destroy(), { once: true });
  await bridgeStdio({ workflow, greet: mcpGreeting, input, output, signal: ended });
}

async function serveLoopback(workflow: Workflow, port: number, signal: AbortSignal): Promise<void> {
  const loopback = await listenLoopback(workflow, port).catch(() => {
    throw new CliError(`port ${port} cannot be listened on; --http 0 takes any free one`);
  });
  printJson({ event: "ready", url: loopback.url, workflow: workflow.id });
  if (!signal.aborted) await once(signal, "abort");
  await loopback.close();
}
