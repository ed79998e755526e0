/** Version of the layout below; a file of another version is refused, never guessed at. */
export const LAYOUT = 3;

export const SCHEMA = `
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
`;
