import type { LogLine } from "../node/gateway.ts";

/** One JSON object a line, for whatever the platform sends its logs to: ids and codes, never a value (P10). */
export function log(line: LogLine): void {
  console.log(JSON.stringify({ at: new Date().toISOString(), ...line }));
}
