-- Who was erased, by keyed hashes: no row here names anybody. `work` is what is still to be done, sealed; NULL when
-- nothing is. No key into `users`: it outlives them.
CREATE TABLE erasures (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT    NOT NULL UNIQUE,
    tenant        TEXT    NOT NULL,
    person        BLOB    NOT NULL,
    erased_at     INTEGER NOT NULL,
    forever       INTEGER NOT NULL,
    memories      INTEGER NOT NULL,
    links         INTEGER NOT NULL,
    conflicts     INTEGER NOT NULL,
    conversations INTEGER NOT NULL,
    receipts      INTEGER NOT NULL,
    reviews       INTEGER NOT NULL,
    identities    INTEGER NOT NULL,
    events        INTEGER NOT NULL DEFAULT 0,
    jobs          INTEGER NOT NULL DEFAULT 0,
    settled_at    INTEGER,
    compacted_at  INTEGER,
    clean_at      INTEGER,
    work          BLOB
) STRICT;

CREATE INDEX erasures_by_time ON erasures (tenant, erased_at DESC, id);
CREATE INDEX erasures_open    ON erasures (erased_at, id) WHERE work IS NOT NULL;

-- What an erasure keeps out: keyed hashes of ids, numbers and conversations.
CREATE TABLE suppressions (
    tenant  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    hash    BLOB NOT NULL,
    erasure TEXT NOT NULL REFERENCES erasures (id),
    PRIMARY KEY (tenant, kind, hash, erasure)
) STRICT, WITHOUT ROWID;

CREATE INDEX suppressions_by_erasure ON suppressions (erasure);
