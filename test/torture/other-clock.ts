import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readGatewayConfig } from "../../src/hosts/node/config.ts";
import { startGateway } from "../../src/hosts/node/gateway.ts";
import { systemClock } from "../../src/hosts/node/tunnel.ts";
import type { ToldTime } from "./clock.ts";

/**
 * `postern gateway run --config FILE` on a clock that clock.ts sets: the same host composed with
 * another port. The shipped binary has no such switch.
 */
const file = process.argv.at(-1)!;
const told = join(dirname(file), "clock.json");
const read = readGatewayConfig(file, readFileSync(file, "utf8"));
if (!read.ok) throw new Error(read.mistakes.join("\n"));

const gateway = await startGateway(read.config, {
  env: process.env,
  clock: {
    ...systemClock,
    now() {
      if (!existsSync(told)) return Date.now();
      const { offsetMs, frozenAt } = JSON.parse(readFileSync(told, "utf8")) as ToldTime;
      return frozenAt ?? Date.now() + offsetMs;
    },
  },
  log: (line) => process.stderr.write(`${JSON.stringify(line)}\n`),
});
process.once("SIGTERM", () => void gateway.stop());
process.stdout.write(`${JSON.stringify({ event: "ready", url: gateway.url })}\n`);
