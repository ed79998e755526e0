import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../host.ts";

const PATIENCE_MS = 60_000;

/**
 * Until each connector whose process lives has found the gateway again. A call that went through
 * says it of one connector: the others may still be on their way, each after a pause of its own.
 */
export async function reconnected(host: Host): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const missing = (await host.away()).filter((part) => host.processes.get(part)?.alive);
    if (missing.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(`connectors that did not come back: ${missing.join(", ")}`);
    }
    await sleep(50);
  }
}
