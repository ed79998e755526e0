import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { readGatewayConfig } from "../hosts/node/config.ts";
import { Inspection } from "../hosts/node/inspect.ts";
import type { WrappingSource } from "../hosts/node/wrapping.ts";
import { KeyUnusable } from "../hosts/node/wrapping-key.ts";
import { CliError, EXIT } from "./exit.ts";
import { readText } from "./read-text.ts";

/** Opens a data folder to read it; `config` only where the wrapping key comes from elsewhere. */
export function inspectData(dir: string, config: string | undefined): Inspection {
  const folder = resolve(dir);
  if (!existsSync(join(folder, "postern.db"))) {
    throw new CliError(`${dir} holds no postern.db: name the gateway's data folder`, EXIT.usage);
  }
  // Outside of the `try`: a mistake in this file must not look like a broken record.
  const source = config === undefined ? undefined : wrappingOf(config);
  try {
    return new Inspection(folder, source, process.env);
  } catch (error) {
    if (error instanceof KeyUnusable) throw new CliError(error.message);
    // A wrapping key that cannot be had says nothing about the record.
    if (!isDatabaseError(error)) throw error;
    throw new CliError(`store_corrupt: ${join(folder, "postern.db")} cannot be opened`, EXIT.no);
  }
}

function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
}

function wrappingOf(file: string): WrappingSource | undefined {
  const read = readGatewayConfig(file, readText(file, "gateway's postern.jsonc"));
  if (!read.ok) throw new CliError(read.mistakes.join("\n"), EXIT.no);
  return read.config.wrappingKey;
}
