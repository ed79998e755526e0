import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What the gateway asked of the kernel, in order: `-D` keeps its own process id. */
export function tracer(file: string): string[] {
  if (spawnSync("strace", ["-V"]).status !== 0) {
    throw new Error("strace is needed: apt-get install strace");
  }
  const calls = "trace=fsync,fdatasync,pwrite64,pwritev,write,writev,sendto,sendmsg";
  return [
    "strace",
    "-D",
    "-f",
    "-qq",
    "-yy",
    "-s",
    "100000",
    "-e",
    calls,
    "-e",
    "signal=none",
    "-o",
    file,
  ];
}

export type Step =
  | { readonly kind: "sync" | "record"; readonly text: string }
  | { readonly kind: "network"; readonly text: string };

const SYNC = /^\d+ +(?:fsync|fdatasync)\(\d+<[^>]*postern\.db-wal>/;
const RECORD = /^\d+ +pwrite(?:64|v)\(\d+<[^>]*postern\.db-wal>/;
const NETWORK = /^\d+ +(?:write|writev|sendto|sendmsg)\(\d+<TCP:/;

/** Syncs of the write-ahead log, writes to it, and whatever went out on a socket. */
export function steps(file: string): Step[] {
  return readFileSync(file, "latin1")
    .split("\n")
    .flatMap((text): Step[] => {
      if (SYNC.test(text)) return [{ kind: "sync", text }];
      if (RECORD.test(text)) return [{ kind: "record", text }];
      return NETWORK.test(text) ? [{ kind: "network", text }] : [];
    });
}

/** This piece of JSON, with a pattern in it, as strace prints it inside a string. */
export function printed(json: string): RegExp {
  return new RegExp(json.replaceAll('"', String.raw`\\"`), "g");
}
