import type { Running } from "./process.ts";

const SAMPLE_MS = 10;

export interface Peak {
  readonly name: string;
  readonly before: number;
  readonly peak: number;
  readonly after: number;
}

/** Samples resident memory until it is told to stop. */
export function watching(processes: readonly Running[]): { end(): Peak[] } {
  const before = processes.map((process) => process.residentBytes());
  const peak = [...before];
  const timer = setInterval(() => {
    for (const [at, process] of processes.entries()) {
      peak[at] = Math.max(peak[at] ?? 0, process.residentBytes());
    }
  }, SAMPLE_MS);
  return {
    end() {
      clearInterval(timer);
      return processes.map((process, at) => ({
        name: process.name,
        before: before[at] ?? 0,
        peak: peak[at] ?? 0,
        after: process.residentBytes(),
      }));
    },
  };
}
