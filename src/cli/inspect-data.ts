import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readGatewayConfig } from "../hosts/node/config.ts";
import { Inspection } from "../hosts/node/inspect.ts";
import { KeyUnusable } from "../hosts/node/wrapping.ts";
import { CliError, EXIT } from "./exit.ts";

/** Opens a data folder to read it; `config` only where the wrapping key comes from elsewhere. */
export function inspectData(dir: string, config: string | undefined): Inspection {
  const folder = resolve(dir);
  if (!existsSync(join(folder, "postern.db"))) {
    throw new CliError(`${dir} holds no postern.db: name the gateway's data folder`, EXIT.usage);
  }
  try {
    return new Inspection(
      folder,
      config === undefined ? undefined : wrappingOf(config),
      process.env,
    );
  } catch (error) {
    if (error instanceof KeyUnusable) throw new CliError(error.message);
    throw new CliError(`store_corrupt: ${join(folder, "postern.db")} cannot be opened`, EXIT.no);
  }
}

function wrappingOf(file: string) {
  const read = readGatewayConfig(file, readFileSync(file, "utf8"));
  if (!read.ok) throw new CliError(read.mistakes.join("\n"), EXIT.no);
  return read.config.wrappingKey;
}
