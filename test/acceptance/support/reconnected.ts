import type { Host } from "../host.ts";
import { until } from "./until.ts";

/**
 * Until each connector whose process lives has found the gateway again. A call that went through
 * says it of one connector: the others may still be on their way, each after a pause of its own.
 */
export function reconnected(host: Host): Promise<void> {
  return until("all connectors are back", async () =>
    (await host.away()).every((part) => !host.processes.get(part)?.alive),
  );
}
