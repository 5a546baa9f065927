-- Whether several people call as this one, and who of them a memory is of.
ALTER TABLE users    ADD COLUMN shared  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE memories ADD COLUMN speaker TEXT;

-- Ids that name somebody else's profile since: of callers merged away.
CREATE TABLE aliases (
    tenant TEXT NOT NULL,
    id     TEXT NOT NULL,
    caller TEXT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX aliases_by_caller ON aliases (tenant, caller, id);

-- Merges and splits. `moved` is what went over and what the two profiles were before, for taking it back; `settled`
-- when vectors and words have followed.
CREATE TABLE transfers (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    from_caller TEXT    NOT NULL,
    into_caller TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    decided_by  TEXT    NOT NULL,
    moved       TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    undone_at   INTEGER,
    settled     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX transfers_by_time   ON transfers (tenant, created_at DESC, id);
CREATE INDEX transfers_unsettled ON transfers (created_at, id) WHERE settled = 0;
