-- When a link last led to a memory that was shown; NULL for never. Its weight is what it was then.
ALTER TABLE links ADD COLUMN used_at INTEGER;

-- A walk over what fades opens no row that is superseded, archived or young.
CREATE INDEX memories_fading ON memories (reinforced_at, seq) WHERE state = 'active';

-- Who does what only one process may do, by the name of the work. One that was given back belongs to '' until 0;
-- `progress` is how far its last holder had come.
CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    held_until INTEGER NOT NULL,
    progress   TEXT
) STRICT, WITHOUT ROWID;
