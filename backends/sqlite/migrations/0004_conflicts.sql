-- What was true before. `valid_to` and `corrected_at` are times like the others.
ALTER TABLE memories ADD COLUMN valid_to      INTEGER;
ALTER TABLE memories ADD COLUMN superseded_by TEXT;
ALTER TABLE memories ADD COLUMN corrected_at  INTEGER;

CREATE INDEX memories_by_successor ON memories (superseded_by) WHERE superseded_by IS NOT NULL;

-- What was decided about two memories of one caller: ids, codes and numbers, no sentence. `changes` is what the
-- resolution did to them, for taking it back.
CREATE TABLE conflicts (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    caller      TEXT    NOT NULL,
    old_memory  TEXT    NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    new_memory  TEXT    NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    verdict     TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    confidence  REAL    NOT NULL,
    judged_by   TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    resolution  TEXT,
    changes     TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    resolved_at INTEGER
) STRICT;

CREATE INDEX conflicts_by_time   ON conflicts (tenant, created_at DESC, id, state);
CREATE INDEX conflicts_by_caller ON conflicts (tenant, caller, created_at DESC, id, state);
CREATE INDEX conflicts_by_old    ON conflicts (old_memory);
CREATE INDEX conflicts_by_new    ON conflicts (new_memory);
