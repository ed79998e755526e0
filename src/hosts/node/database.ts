import { mkdirSync, chmodSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Another process owns the data folder. */
export class DataFolderBusy extends Error {
  override readonly name = "DataFolderBusy";
  constructor(folder: string) {
    super(
      `the data folder ${folder} is in use by another Postern process: stop that one, or give this one another dataDir`,
    );
  }
}

/** Version of the layout below; a file of another version is refused, never guessed at. */
const LAYOUT = 3;

const SCHEMA = `
CREATE TABLE event (
  tenant TEXT NOT NULL, workflow TEXT NOT NULL, seq INTEGER NOT NULL,
  type TEXT NOT NULL, call TEXT, bytes TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE UNIQUE INDEX event_order ON event (tenant, workflow, seq);
CREATE INDEX event_call ON event (call) WHERE call IS NOT NULL;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TABLE sealed (
  tenant TEXT NOT NULL, workflow TEXT NOT NULL, seq INTEGER NOT NULL,
  kind TEXT NOT NULL, expires INTEGER NOT NULL, bytes BLOB NOT NULL
);
CREATE UNIQUE INDEX sealed_order ON sealed (tenant, workflow, seq, kind);
CREATE INDEX sealed_expiry ON sealed (expires) WHERE kind <> 'input';
CREATE TABLE session (
  tenant TEXT NOT NULL, workflow TEXT NOT NULL, wrapped_key BLOB NOT NULL,
  PRIMARY KEY (tenant, workflow)
) WITHOUT ROWID;
CREATE TABLE live (
  tenant TEXT NOT NULL, workflow TEXT NOT NULL, human TEXT NOT NULL, agent TEXT NOT NULL,
  expires INTEGER NOT NULL, PRIMARY KEY (tenant, workflow)
) WITHOUT ROWID;
CREATE TABLE open_call (
  call TEXT PRIMARY KEY, tenant TEXT NOT NULL, workflow TEXT NOT NULL, connector TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE approval (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, workflow TEXT NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX approval_expiry ON approval (tenant, expires);
CREATE TABLE bundle (
  tenant TEXT NOT NULL, digest TEXT NOT NULL, files TEXT NOT NULL, PRIMARY KEY (tenant, digest)
);
CREATE TABLE connector (
  tenant TEXT NOT NULL, id TEXT NOT NULL, public_key TEXT NOT NULL,
  network TEXT NOT NULL, tier TEXT NOT NULL, PRIMARY KEY (tenant, id)
);
CREATE TABLE join_code (
  tenant TEXT NOT NULL, hash TEXT NOT NULL, network TEXT NOT NULL, tier TEXT NOT NULL,
  expires INTEGER NOT NULL, PRIMARY KEY (tenant, hash)
);
CREATE TABLE spent (
  tenant TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL, expires INTEGER NOT NULL,
  PRIMARY KEY (tenant, kind, hash)
) WITHOUT ROWID;
CREATE INDEX spent_expiry ON spent (expires);
CREATE TABLE agent_key (
  jkt TEXT PRIMARY KEY, tenant TEXT NOT NULL, agent TEXT NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX agent_key_use ON agent_key (used);
PRAGMA user_version = ${LAYOUT};
`;

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
  if (version === 0) db.exec(`BEGIN; ${SCHEMA} COMMIT;`);
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
