export type Level = "info" | "warn" | "error";
/** Ids, codes and counts. Never an argument, a row, a token, a header or an error's text. */
export type Fields = { readonly [name: string]: string | number | boolean | null };
export type Log = (level: Level, event: string, fields: Fields) => void;

/** One event, one line of JSON: no value can begin a line of its own. */
export function jsonLog(write: (line: string) => void, now: () => number): Log {
  return (level, event, fields) => {
    write(`${JSON.stringify({ at: new Date(now()).toISOString(), level, event, ...fields })}\n`);
  };
}
