import { resolve } from "node:path";
import { Option } from "commander";
import { AdminClient } from "./admin-client.ts";

/** Where the demo keeps its data, too: `npm run postern -- …` works beside `npm start` as it is. */
export const DEFAULT_DATA_DIR = ".postern/data";

export interface GatewayOptions {
  readonly data: string;
  readonly tenant?: string;
  readonly json?: boolean;
}

export function dataOption(): Option {
  return new Option("--data <dir>", "data folder of the gateway")
    .env("POSTERN_DATA_DIR")
    .default(DEFAULT_DATA_DIR);
}

export function tenantOption(): Option {
  return new Option("--tenant <name>", "tenant, where the gateway has several");
}

export function jsonOption(): Option {
  return new Option("--json", "one JSON value on standard output");
}

export function adminOf(options: GatewayOptions): AdminClient {
  return new AdminClient(resolve(options.data), options.tenant);
}
