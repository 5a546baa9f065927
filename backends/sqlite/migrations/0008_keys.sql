-- API keys by their hash; webhook secrets also sealed, since signatures are checked with their text. `scopes` are names,
-- parted by spaces. What is revoked stays, to tell a leaked key from an unknown one.
CREATE TABLE keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    label        TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    sealed       BLOB,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_listed ON keys (tenant, kind, created_at DESC, id);

CREATE UNIQUE INDEX keys_once ON keys (kind, hash) WHERE revoked_at IS NULL;
