import { Command } from "commander";
import { readGatewayConfig } from "../hosts/node/config.ts";
import { DataFolderBusy } from "../hosts/node/database.ts";
import { startGateway } from "../hosts/node/gateway.ts";
import { TlsUnusable } from "../hosts/node/server-tls.ts";
import { KeyUnusable } from "../hosts/node/wrapping-key.ts";
import { bundleFiles } from "./bundle-files.ts";
import { CliError, EXIT } from "./exit.ts";
import { mistakeLines } from "./mistakes.ts";
import type { Finish } from "./main.ts";
import { print, printJson } from "./output.ts";
import { readText } from "./read-text.ts";

export function gatewayCommand(finish: Finish): Command {
  const run = new Command("run")
    .description("run the Node host until SIGTERM or Ctrl-C")
    .requiredOption("--config <file>", "postern.jsonc")
    .option("--bundle <dir>", "activate this bundle first, where it differs from the active one")
    .action(async (options: { config: string; bundle?: string }) => {
      finish(await runGateway(options));
    });
  return new Command("gateway").description("the gateway process").addCommand(run);
}

async function runGateway(options: { config: string; bundle?: string }): Promise<number> {
  const text = readText(options.config, "gateway's postern.jsonc with --config");
  const read = readGatewayConfig(options.config, text);
  if (!read.ok) throw new CliError(read.mistakes.join("\n"), EXIT.no);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  const gateway = await start(read.config);
  try {
    if (options.bundle !== undefined) {
      const files = await bundleFiles(options.bundle);
      for (const tenant of Object.keys(read.config.tenants)) {
        const activation = await gateway.admin.activateBundle(tenant, files);
        if (!activation.ok) {
          print(mistakeLines(activation.mistakes));
          return EXIT.no;
        }
      }
    }
    printJson({ event: "ready", url: gateway.url, dataDir: read.config.dataDir, pid: process.pid });
    await new Promise<void>((resolve) => {
      if (stop.signal.aborted) resolve();
      stop.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    return EXIT.ok;
  } finally {
    await gateway.stop();
  }
}

async function start(config: Parameters<typeof startGateway>[0]): ReturnType<typeof startGateway> {
  try {
    return await startGateway(config, {
      env: process.env,
      log: (line) => process.stderr.write(`${JSON.stringify(line)}\n`),
    });
  } catch (error) {
    if (
      error instanceof DataFolderBusy ||
      error instanceof KeyUnusable ||
      error instanceof TlsUnusable
    )
      throw new CliError(error.message);
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      const { host, port } = config.listen;
      throw new CliError(
        `${host}:${port} is taken: choose another listen.port, or 0 for any free one`,
      );
    }
    throw error;
  }
}
