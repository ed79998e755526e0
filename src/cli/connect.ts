import { Command } from "commander";
import { runConnect } from "./connect/run.ts";
import { EXIT } from "./exit.ts";
import type { Finish } from "./main.ts";

export function connectCommand(finish: Finish): Command {
  return new Command("connect")
    .description("a local MCP server for clients that know nothing of Postern")
    .requiredOption("--profile <file>", "gateway, agent, key, purpose and how the human signs in")
    .option("--http <port>", "loopback HTTP instead of standard input and output", Number)
    .action(async (options: { profile: string; http?: number }) => {
      const stop = new AbortController();
      for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
      await runConnect({
        profile: options.profile,
        ...(options.http !== undefined && { http: options.http }),
        signal: stop.signal,
      });
      finish(EXIT.ok);
    });
}
