-- What models cost. `conversation` and `agent` are empty for none, since a key must not be null; `day` is a date in
-- UTC; `money` is billionths of the configured currency's unit.
CREATE TABLE costs (
    tenant        TEXT    NOT NULL,
    day           TEXT    NOT NULL,
    conversation  TEXT    NOT NULL DEFAULT '',
    agent         TEXT    NOT NULL DEFAULT '',
    spend         TEXT    NOT NULL,
    model         TEXT    NOT NULL,
    calls         INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    money         INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, conversation, agent, spend, model)
) STRICT, WITHOUT ROWID;

CREATE INDEX costs_by_conversation ON costs (tenant, conversation) WHERE conversation <> '';

-- Embeddings that were paid for. `key` is a keyed hash of the text; `vector` is 32-bit floats, little-endian.
-- No foreign key: the caller may live in another file than the one that plays `roles.cache`.
CREATE TABLE embeddings (
    seq        INTEGER PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    dimensions INTEGER NOT NULL,
    key        BLOB    NOT NULL,
    owner      TEXT    NOT NULL,
    used_at    INTEGER NOT NULL,
    vector     BLOB    NOT NULL,
    UNIQUE (tenant, model, dimensions, key)
) STRICT;

CREATE INDEX embeddings_by_owner ON embeddings (tenant, owner);
CREATE INDEX embeddings_by_use   ON embeddings (used_at, seq);
