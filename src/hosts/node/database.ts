import { mkdirSync, chmodSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LAYOUT, SCHEMA } from "./schema.ts";

/** Another process owns the data folder. */
export class DataFolderBusy extends Error {
  override readonly name = "DataFolderBusy";
  constructor(folder: string) {
    super(
      `the data folder ${folder} is in use by another Postern process: stop that one, or give this one another dataDir`,
    );
  }
}

export interface DataFolder extends Disposable {
  readonly path: string;
  readonly db: DatabaseSync;
}

/**
 * Opens a data folder for this process alone. The exclusive transaction stands on a separate file:
 * it refuses a second process at once, frees itself on `kill -9`, and leaves the main file readable
 * for `audit verify`.
 */
export function openDataFolder(path: string): DataFolder {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  closeToOthers(path);
  const lock = new DatabaseSync(join(path, "lock.db"), { timeout: 0 });
  try {
    // Whoever can read it can hold it, and no gateway would start.
    chmodSync(join(path, "lock.db"), 0o600);
    lock.exec("BEGIN EXCLUSIVE");
  } catch {
    lock.close();
    throw new DataFolderBusy(path);
  }
  const db = openDatabase(join(path, "postern.db"));
  return {
    path,
    db,
    [Symbol.dispose]() {
      db.close();
      lock.close();
    },
  };
}

/** Also a folder that somebody made before us with the modes of every other folder. */
function closeToOthers(folder: string): void {
  try {
    chmodSync(folder, 0o700);
  } catch {
    // A mounted volume may belong to somebody else; each file in it has its own mode.
  }
}

function openDatabase(file: string): DatabaseSync {
  const db = new DatabaseSync(file);
  chmodSync(file, 0o600);
  // FULL: a commit is on the disk, not in the page cache, when it returns (P1).
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as {
    user_version: number;
  };
  if (version === 0) db.exec(`BEGIN; ${SCHEMA} PRAGMA user_version = ${LAYOUT}; COMMIT;`);
  else if (version !== LAYOUT) {
    db.close();
    throw new Error(
      `${file} has layout ${version}, this Postern reads ${LAYOUT}: use the version that wrote it`,
    );
  }
  return db;
}

/** For readers beside a running or stopped gateway: `audit verify` must not need the lock. */
export function openReadOnly(path: string): DatabaseSync {
  return new DatabaseSync(join(path, "postern.db"), { readOnly: true });
}
