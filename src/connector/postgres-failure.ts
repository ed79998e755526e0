import type { FailureCode } from "../core/model/outcome.ts";

/** What the server itself said. `fatal`: it ended the connection with it. */
export interface SqlFailure {
  readonly code: FailureCode;
  readonly fatal: boolean;
  /** Another transaction came first: serialisation failure, deadlock. */
  readonly conflict: boolean;
  /** A lock was not to be had in time. */
  readonly blocked: boolean;
  /** Of the kind that honest statements have every day: the data did not allow it. */
  readonly ordinary: boolean;
}

/** Data exception, constraint violation, rollback, and what a function of the schema itself raised. */
const ORDINARY: ReadonlySet<string> = new Set(["22", "23", "40", "P0"]);

/** By SQLSTATE (PostgreSQL manual, appendix A), never by text: messages quote values. */
export function sqlFailure(error: unknown): SqlFailure | null {
  if (typeof error !== "object" || error === null) return null;
  if (!("severity" in error) || !("code" in error) || typeof error.code !== "string") return null;
  const fatal = error.severity !== "ERROR";
  const conflict = error.code === "40001" || error.code === "40P01";
  const blocked = error.code === "55P03";
  const ordinary = blocked || ORDINARY.has(error.code.slice(0, 2));
  return { code: codeOf(error.code), fatal, conflict, blocked, ordinary };
}

function codeOf(sqlstate: string): FailureCode {
  switch (sqlstate) {
    case "57014": // statement timeout, or our own cancel
    case "25P03": // left open for too long
      return "deadline_exceeded";
    case "57P01": // the server stops
    case "57P02":
    case "57P04":
      return "connection_terminated";
    case "57P03": // it has not started yet
    case "53300": // no connection left
      return "connection_refused";
  }
  switch (sqlstate.slice(0, 2)) {
    case "08":
      return "connection_terminated";
    case "40": // serialisation failure, deadlock: the same again may work
    case "53": // out of memory, disk full
    case "55": // lock not available
    case "58": // I/O
    case "XX":
      return "upstream_error";
    default:
      return "upstream_rejected";
  }
}
