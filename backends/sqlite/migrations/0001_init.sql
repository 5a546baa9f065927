-- Times are microseconds since 1970 (UTC); enums stand under their stable names; lists and maps are JSON.

CREATE TABLE users (
    tenant        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    name          TEXT    NOT NULL DEFAULT '',
    call_count    INTEGER NOT NULL DEFAULT 0,
    first_contact INTEGER NOT NULL,
    last_contact  INTEGER NOT NULL,
    summary       TEXT    NOT NULL DEFAULT '',
    revision      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_contact ON users (tenant, last_contact DESC, id);

-- `seq` is the order of joining. The number itself is never here: a keyed hash to find it, a sealed copy to show it.
CREATE TABLE identities (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    hash   BLOB NOT NULL,
    caller TEXT NOT NULL,
    sealed BLOB NOT NULL,
    UNIQUE (tenant, kind, hash),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX identities_by_caller ON identities (tenant, caller, seq);

-- `counted`: the call is in its caller's call_count, whatever became of the state since.
CREATE TABLE conversations (
    tenant        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    caller        TEXT,
    agent         TEXT,
    state         TEXT    NOT NULL,
    counted       INTEGER NOT NULL DEFAULT 0,
    started_at    INTEGER NOT NULL,
    duration_secs INTEGER,
    updated_at    INTEGER NOT NULL,
    transcript    BLOB,
    extraction    BLOB,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX conversations_by_start  ON conversations (tenant, started_at DESC, id);
CREATE INDEX conversations_by_caller ON conversations (tenant, caller, started_at DESC, id);

-- `seq` never comes again (AUTOINCREMENT): a walk over all memories leads along it.
CREATE TABLE memories (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT    NOT NULL UNIQUE,
    tenant        TEXT    NOT NULL,
    caller        TEXT    NOT NULL,
    content       TEXT    NOT NULL,
    sector        TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    slot          TEXT,
    salience      REAL    NOT NULL,
    occurred_at   INTEGER NOT NULL,
    learnt_at     INTEGER NOT NULL,
    reinforced_at INTEGER NOT NULL,
    decay_rate    REAL,
    state         TEXT    NOT NULL,
    origin        TEXT    NOT NULL,
    conversation  TEXT,
    turns         TEXT    NOT NULL,
    metadata      TEXT    NOT NULL,
    index_state   TEXT    NOT NULL,
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT;

-- Carries state and sector, so that filters and counts never open a row they do not want.
CREATE INDEX memories_by_caller ON memories (tenant, caller, occurred_at DESC, id, state, sector);
CREATE INDEX memories_pending   ON memories (learnt_at, seq) WHERE index_state = 'pending';

CREATE TABLE links (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    caller     TEXT    NOT NULL,
    a          TEXT    NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    b          TEXT    NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    weight     REAL    NOT NULL,
    kind       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (a, b),
    CHECK (a < b)
) STRICT;

CREATE INDEX links_by_b ON links (b);

CREATE TABLE events (
    tenant      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;

-- Finished jobs are deleted. The id is derived from tenant, name and key: what makes two jobs the same.
CREATE TABLE jobs (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    run_at      INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    lease_token TEXT,
    lease_until INTEGER,
    last_error  TEXT
) STRICT;

CREATE INDEX jobs_waiting   ON jobs (run_at, created_at, id) WHERE state IN ('pending', 'retrying');
CREATE INDEX jobs_leased    ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_by_tenant ON jobs (tenant, created_at DESC, id, state);
