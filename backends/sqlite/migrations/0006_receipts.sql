-- What agents were told, and why: ids, scores and times; the words only sealed, and taken away when a memory they tell of
-- is forgotten. `items` is what was returned, as JSON without a sentence.
CREATE TABLE receipts (
    tenant       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    caller       TEXT,
    conversation TEXT,
    agent        TEXT,
    at           INTEGER NOT NULL,
    took_ms      INTEGER NOT NULL,
    mode         TEXT,
    degraded     TEXT,
    items        TEXT    NOT NULL,
    words        BLOB,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX receipts_by_conversation ON receipts (tenant, conversation, at, id);
CREATE INDEX receipts_by_caller       ON receipts (tenant, caller, at);
CREATE INDEX receipts_by_time         ON receipts (at);

-- How often a memory was given to an agent; apart from the memory, whose row and revision recall must not touch.
CREATE TABLE recalls (
    memory TEXT    NOT NULL PRIMARY KEY REFERENCES memories (id) ON DELETE CASCADE,
    count  INTEGER NOT NULL,
    last   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What people decided about memories. No key into `memories`: a rejection outlives what it rejects.
CREATE TABLE reviews (
    tenant       TEXT    NOT NULL,
    caller       TEXT    NOT NULL,
    memory       TEXT    NOT NULL,
    conversation TEXT,
    decision     TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    label        INTEGER NOT NULL,
    words        BLOB,
    PRIMARY KEY (tenant, caller, memory),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX reviews_released ON reviews (tenant, at DESC, memory) WHERE label = 1;
CREATE INDEX memories_by_state ON memories (tenant, state);
