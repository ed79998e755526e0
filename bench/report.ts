import { type Bodies, bodiesReport } from "./bodies.ts";
import type { LoadResult } from "./load.ts";

export interface Row extends LoadResult {
  readonly name: string;
  readonly connections: number;
  /** Of the process in the middle; null where there is none. */
  readonly cpuUs: number | null;
  readonly residentMb: number | null;
}

/** Figures of one run, and each as a ratio of the direct call at the same number of connections. */
export function report(
  rows: readonly Row[],
  bodies: Bodies,
  total: { readonly calls: number; readonly events: number },
  json: boolean,
): string {
  const withRatios = rows.map((row) => {
    const direct = rows.find((one) => one.name === "direct" && one.connections === row.connections);
    return {
      ...row,
      throughputOfDirect: direct === undefined ? null : row.perSecond / direct.perSecond,
      addedP50Ms: direct === undefined ? null : row.p50Ms - direct.p50Ms,
    };
  });
  if (json) return `${JSON.stringify({ rows: withRatios, bodies, total })}\n`;
  const head = [
    "",
    "conns",
    "calls/s",
    "of direct",
    "p50 ms",
    "added",
    "p99 ms",
    "CPU µs",
    "RSS MB",
  ];
  const cells = withRatios.map((row) => [
    row.name,
    String(row.connections),
    row.perSecond.toFixed(0),
    row.throughputOfDirect === null ? "" : `${(row.throughputOfDirect * 100).toFixed(0)} %`,
    row.p50Ms.toFixed(2),
    row.addedP50Ms === null ? "" : row.addedP50Ms.toFixed(2),
    row.p99Ms.toFixed(2),
    row.cpuUs === null ? "" : row.cpuUs.toFixed(0),
    row.residentMb === null ? "" : row.residentMb.toFixed(0),
  ]);
  const widths = head.map((_, at) =>
    Math.max(...[head, ...cells].map((line) => line[at]?.length ?? 0)),
  );
  const lines = [head, ...cells].map((line) =>
    line
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  "),
  );
  return `${lines.join("\n")}\n${bodiesReport(bodies)}\n${total.calls} governed calls, ${total.events} events, chain verified, every token spent once\n`;
}
