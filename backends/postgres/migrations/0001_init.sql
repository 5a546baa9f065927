-- What the other SQL store's first fifteen migrations add up to. Times are microseconds since 1970 (UTC), so that both stores
-- keep and order them alike; enums stand under their stable names; lists and maps are JSON. What is compared or ordered by
-- is COLLATE "C": byte by byte, as the program does it, whatever the database's own locale.

CREATE TABLE users (
    tenant         TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    sealed_name    BYTEA,
    sealed_summary BYTEA,
    call_count     BIGINT  NOT NULL DEFAULT 0,
    first_contact  BIGINT  NOT NULL,
    last_contact   BIGINT  NOT NULL,
    shared         BOOLEAN NOT NULL DEFAULT FALSE,
    consent        TEXT    NOT NULL DEFAULT 'unknown',
    revision       BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX users_by_contact ON users (tenant, last_contact DESC, id);

-- `seq` is the order of joining. The number itself is never here: a keyed hash to find it, a sealed copy to show it.
CREATE TABLE identities (
    seq    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    kind   TEXT COLLATE "C" NOT NULL,
    hash   BYTEA NOT NULL,
    caller TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    UNIQUE (tenant, kind, hash),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
);

CREATE INDEX identities_by_caller ON identities (tenant, caller, seq);

-- Ids that name somebody else's profile since: of callers merged away.
CREATE TABLE aliases (
    tenant TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL,
    caller TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
);

CREATE INDEX aliases_by_caller ON aliases (tenant, caller, id);

-- `counted`: the call is in its caller's call_count, whatever became of the state since.
CREATE TABLE conversations (
    tenant        TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    caller        TEXT COLLATE "C",
    agent         TEXT,
    state         TEXT    NOT NULL,
    counted       BOOLEAN NOT NULL DEFAULT FALSE,
    started_at    BIGINT  NOT NULL,
    duration_secs BIGINT,
    updated_at    BIGINT  NOT NULL,
    transcript    BYTEA,
    extraction    BYTEA,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
);

CREATE INDEX conversations_by_start  ON conversations (tenant, started_at DESC, id);
CREATE INDEX conversations_by_caller ON conversations (tenant, caller, started_at DESC, id);
-- What is too old to be kept is found without opening what is younger, or has no words any more.
CREATE INDEX conversations_spoken ON conversations (tenant, started_at, id)
    WHERE transcript IS NOT NULL OR extraction IS NOT NULL;

-- `seq` never comes again: a walk over all memories leads along it. `valid_to` and `corrected_at` are times like the others.
CREATE TABLE memories (
    seq           BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    id            TEXT COLLATE "C" PRIMARY KEY,
    tenant        TEXT COLLATE "C" NOT NULL,
    caller        TEXT COLLATE "C" NOT NULL,
    content       TEXT   NOT NULL,
    sector        TEXT   NOT NULL,
    kind          TEXT   NOT NULL,
    slot          TEXT,
    salience      DOUBLE PRECISION NOT NULL,
    occurred_at   BIGINT NOT NULL,
    learnt_at     BIGINT NOT NULL,
    reinforced_at BIGINT NOT NULL,
    decay_rate    DOUBLE PRECISION,
    state         TEXT   NOT NULL,
    valid_to      BIGINT,
    superseded_by TEXT COLLATE "C",
    corrected_at  BIGINT,
    speaker       TEXT,
    origin        TEXT   NOT NULL,
    conversation  TEXT COLLATE "C",
    turns         TEXT   NOT NULL,
    metadata      TEXT   NOT NULL,
    index_state   TEXT   NOT NULL,
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
);

-- Carries state and sector, so that filters and counts never open a row they do not want.
CREATE INDEX memories_by_caller    ON memories (tenant, caller, occurred_at DESC, id, state, sector);
CREATE INDEX memories_pending      ON memories (learnt_at, seq) WHERE index_state = 'pending';
CREATE INDEX memories_by_successor ON memories (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX memories_by_state     ON memories (tenant, state);
CREATE INDEX memories_by_age       ON memories (tenant, learnt_at, id);
-- A walk over what fades opens no row that is superseded, archived or young.
CREATE INDEX memories_fading       ON memories (reinforced_at, seq) WHERE state = 'active';

-- `used_at`: when a link last led to a memory that was shown; NULL for never. Its weight is what it was then.
CREATE TABLE links (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    id         TEXT COLLATE "C" PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    caller     TEXT COLLATE "C" NOT NULL,
    a          TEXT COLLATE "C" NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    b          TEXT COLLATE "C" NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    weight     DOUBLE PRECISION NOT NULL,
    kind       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT,
    UNIQUE (a, b),
    CHECK (a < b)
);

CREATE INDEX links_by_b ON links (b);

-- What was decided about two memories of one caller: ids, codes and numbers, no sentence. `changes` is what the
-- resolution did to them, for taking it back.
CREATE TABLE conflicts (
    id          TEXT COLLATE "C" PRIMARY KEY,
    tenant      TEXT COLLATE "C" NOT NULL,
    caller      TEXT COLLATE "C" NOT NULL,
    old_memory  TEXT COLLATE "C" NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    new_memory  TEXT COLLATE "C" NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    verdict     TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    confidence  DOUBLE PRECISION NOT NULL,
    judged_by   TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    resolution  TEXT,
    changes     TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    resolved_at BIGINT
);

CREATE INDEX conflicts_by_time   ON conflicts (tenant, created_at DESC, id, state);
CREATE INDEX conflicts_by_caller ON conflicts (tenant, caller, created_at DESC, id, state);
CREATE INDEX conflicts_by_old    ON conflicts (old_memory);
CREATE INDEX conflicts_by_new    ON conflicts (new_memory);

-- Merges and splits. `sealed_moved` is what went over and what the two profiles were before, for taking it back; `settled`
-- when vectors and words have followed.
CREATE TABLE transfers (
    id           TEXT COLLATE "C" PRIMARY KEY,
    tenant       TEXT COLLATE "C" NOT NULL,
    kind         TEXT    NOT NULL,
    from_caller  TEXT COLLATE "C" NOT NULL,
    into_caller  TEXT COLLATE "C" NOT NULL,
    state        TEXT    NOT NULL,
    decided_by   TEXT    NOT NULL,
    sealed_moved BYTEA,
    created_at   BIGINT  NOT NULL,
    undone_at    BIGINT,
    settled      BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE INDEX transfers_by_time   ON transfers (tenant, created_at DESC, id);
CREATE INDEX transfers_unsettled ON transfers (created_at, id) WHERE NOT settled;

-- What agents were told, and why: ids, scores and times; the words only sealed, and taken away when a memory they tell of
-- is forgotten. `items` is what was returned, as JSON without a sentence; `memories` the ids in it, to be found by.
CREATE TABLE receipts (
    tenant       TEXT COLLATE "C" NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    kind         TEXT   NOT NULL,
    caller       TEXT COLLATE "C",
    conversation TEXT COLLATE "C",
    agent        TEXT,
    at           BIGINT NOT NULL,
    took_ms      BIGINT NOT NULL,
    mode         TEXT,
    degraded     TEXT,
    items        TEXT   NOT NULL,
    memories     TEXT[] NOT NULL,
    words        BYTEA,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
);

CREATE INDEX receipts_by_conversation ON receipts (tenant, conversation, at, id);
CREATE INDEX receipts_by_caller       ON receipts (tenant, caller, at);
CREATE INDEX receipts_by_time         ON receipts (at);

-- How often a memory was given to an agent; apart from the memory, whose row and revision recall must not touch.
CREATE TABLE recalls (
    memory TEXT COLLATE "C" PRIMARY KEY REFERENCES memories (id) ON DELETE CASCADE,
    count  BIGINT NOT NULL,
    last   BIGINT NOT NULL
);

-- What people decided about memories. No key into `memories`: a rejection outlives what it rejects.
CREATE TABLE reviews (
    seq          BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    tenant       TEXT COLLATE "C" NOT NULL,
    caller       TEXT COLLATE "C" NOT NULL,
    memory       TEXT COLLATE "C" NOT NULL,
    conversation TEXT COLLATE "C",
    decision     TEXT    NOT NULL,
    at           BIGINT  NOT NULL,
    label        BOOLEAN NOT NULL,
    words        BYTEA,
    PRIMARY KEY (tenant, caller, memory),
    FOREIGN KEY (tenant, caller) REFERENCES users (tenant, id) ON DELETE CASCADE
);

CREATE INDEX reviews_released ON reviews (tenant, at DESC, memory) WHERE label;

-- Who does what only one process may do, by the name of the work. One that was given back belongs to '' until 0;
-- `progress` is how far its last holder had come.
CREATE TABLE leases (
    name       TEXT COLLATE "C" PRIMARY KEY,
    holder     TEXT   NOT NULL,
    held_until BIGINT NOT NULL,
    progress   TEXT
);

-- Who was erased, by keyed hashes: no row here names anybody. `work` is what is still to be done, sealed; NULL when
-- nothing is. No key into `users`: it outlives them.
CREATE TABLE erasures (
    seq           BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    id            TEXT COLLATE "C" PRIMARY KEY,
    tenant        TEXT COLLATE "C" NOT NULL,
    person        BYTEA   NOT NULL,
    erased_at     BIGINT  NOT NULL,
    forever       BOOLEAN NOT NULL,
    memories      BIGINT  NOT NULL,
    links         BIGINT  NOT NULL,
    conflicts     BIGINT  NOT NULL,
    conversations BIGINT  NOT NULL,
    receipts      BIGINT  NOT NULL,
    reviews       BIGINT  NOT NULL,
    identities    BIGINT  NOT NULL,
    events        BIGINT  NOT NULL DEFAULT 0,
    jobs          BIGINT  NOT NULL DEFAULT 0,
    settled_at    BIGINT,
    compacted_at  BIGINT,
    clean_at      BIGINT,
    work          BYTEA
);

CREATE INDEX erasures_by_time ON erasures (tenant, erased_at DESC, id);
CREATE INDEX erasures_open    ON erasures (erased_at, id) WHERE work IS NOT NULL;

-- What an erasure keeps out: keyed hashes of ids, numbers and conversations.
CREATE TABLE suppressions (
    tenant  TEXT COLLATE "C" NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,
    hash    BYTEA NOT NULL,
    erasure TEXT COLLATE "C" NOT NULL REFERENCES erasures (id),
    PRIMARY KEY (tenant, kind, hash, erasure)
);

CREATE INDEX suppressions_by_erasure ON suppressions (erasure);

-- Who has looked at, changed, exported or erased what is known of whom: ids, times and codes. Append-only: not even this
-- program can change or remove a row. No key into `users` or `keys`: it outlives both.
CREATE TABLE audit (
    id     TEXT COLLATE "C" PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    at     BIGINT NOT NULL,
    actor  TEXT   NOT NULL,
    action TEXT   NOT NULL,
    route  TEXT   NOT NULL,
    person BYTEA,
    object TEXT,
    status BIGINT NOT NULL
);

CREATE INDEX audit_by_time   ON audit (tenant, at DESC, id);
CREATE INDEX audit_by_person ON audit (tenant, person, at DESC, id) WHERE person IS NOT NULL;

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = 'the audit log is append-only'; END $$;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- What models cost. `conversation` and `agent` are empty for none, since a key must not be null; `day` is a date in
-- UTC; `money` is billionths of the configured currency's unit.
CREATE TABLE costs (
    tenant        TEXT COLLATE "C" NOT NULL,
    day           TEXT COLLATE "C" NOT NULL,
    conversation  TEXT COLLATE "C" NOT NULL DEFAULT '',
    agent         TEXT COLLATE "C" NOT NULL DEFAULT '',
    spend         TEXT COLLATE "C" NOT NULL,
    model         TEXT COLLATE "C" NOT NULL,
    calls         BIGINT NOT NULL,
    unpriced      BIGINT NOT NULL,
    input_tokens  BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    money         BIGINT NOT NULL,
    PRIMARY KEY (tenant, day, conversation, agent, spend, model)
);

CREATE INDEX costs_by_conversation ON costs (tenant, conversation) WHERE conversation <> '';

-- Embeddings that were paid for. `key` is a keyed hash of the text; `vector` is 32-bit floats, little-endian.
-- No foreign key: the caller may live in another store than the one that plays `roles.cache`.
CREATE TABLE embeddings (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    model      TEXT COLLATE "C" NOT NULL,
    dimensions BIGINT NOT NULL,
    key        BYTEA  NOT NULL,
    owner      TEXT COLLATE "C" NOT NULL,
    used_at    BIGINT NOT NULL,
    vector     BYTEA  NOT NULL,
    UNIQUE (tenant, model, dimensions, key)
);

-- Floats do not compress; trying costs more than reading them.
ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE EXTERNAL;

CREATE INDEX embeddings_by_owner ON embeddings (tenant, owner);
CREATE INDEX embeddings_by_use   ON embeddings (used_at, seq);

-- The space the memories' vectors are complete in; one row or none.
CREATE TABLE space (
    only_one   BIGINT PRIMARY KEY CHECK (only_one = 1),
    model      TEXT   NOT NULL,
    dimensions BIGINT NOT NULL
);

-- API keys by their hash; webhook secrets also sealed, since signatures are checked with their text. `scopes` are names,
-- parted by spaces. What is revoked stays, to tell a leaked key from an unknown one.
CREATE TABLE keys (
    id           TEXT COLLATE "C" PRIMARY KEY,
    tenant       TEXT COLLATE "C" NOT NULL,
    kind         TEXT   NOT NULL,
    label        TEXT   NOT NULL,
    scopes       TEXT   NOT NULL,
    hash         BYTEA  NOT NULL,
    sealed       BYTEA,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);

CREATE INDEX keys_listed ON keys (tenant, kind, created_at DESC, id);
CREATE UNIQUE INDEX keys_once ON keys (kind, hash) WHERE revoked_at IS NULL;

CREATE TABLE events (
    tenant      TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    kind        TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    body        BYTEA  NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE INDEX events_by_time ON events (tenant, received_at, id);

-- Finished jobs are deleted. The id is derived from tenant, name and key: what makes two jobs the same. `failures` are the
-- last ones, without their texts; `discard` is when, by whom and why a job was given up.
CREATE TABLE jobs (
    id          TEXT COLLATE "C" PRIMARY KEY,
    tenant      TEXT COLLATE "C" NOT NULL,
    name        TEXT   NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    payload     TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    attempts    BIGINT NOT NULL DEFAULT 0,
    run_at      BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    lease_token TEXT,
    lease_until BIGINT,
    last_error  TEXT,
    failures    JSONB  NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(failures) = 'array'),
    discard     TEXT
);

-- The earliest job of a tenant, and the next tenant, are one step away, however much another one has waiting.
CREATE INDEX jobs_by_turn   ON jobs (tenant, run_at, created_at, id) WHERE state IN ('pending', 'retrying');
CREATE INDEX jobs_leased    ON jobs (lease_until, id) WHERE state = 'running';
CREATE INDEX jobs_by_tenant ON jobs (tenant, created_at DESC, id, state);
CREATE INDEX jobs_by_key    ON jobs (tenant, key);

-- Whose turn it was last, of the tenants whose jobs wait. The one row is there from the beginning, since whoever leases
-- locks it first; '' comes before every tenant.
CREATE TABLE job_turn (
    one    BIGINT PRIMARY KEY CHECK (one = 1),
    tenant TEXT COLLATE "C" NOT NULL
);

INSERT INTO job_turn (one, tenant) VALUES (1, '');

-- By which encryption key a value is sealed: its id stands in front of it, behind its length; NULL for what is not of our
-- making. Indexed, so that the keys in use are known without reading a value.
CREATE FUNCTION sealing_key(sealed BYTEA) RETURNS BYTEA LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN pg_catalog.octet_length(sealed) > 2
               THEN CASE WHEN pg_catalog.get_byte(sealed, 0) = 1 AND pg_catalog.get_byte(sealed, 1) BETWEEN 1 AND 32
                         THEN pg_catalog.substr(sealed, 3, pg_catalog.get_byte(sealed, 1)) END END $$;

CREATE INDEX conversations_by_extraction_key ON conversations (sealing_key(extraction), id) WHERE sealing_key(extraction) IS NOT NULL;
CREATE INDEX conversations_by_transcript_key ON conversations (sealing_key(transcript), id) WHERE sealing_key(transcript) IS NOT NULL;
CREATE INDEX erasures_by_work_key            ON erasures (sealing_key(work), id) WHERE sealing_key(work) IS NOT NULL;
CREATE INDEX events_by_body_key              ON events (sealing_key(body), id) WHERE sealing_key(body) IS NOT NULL;
CREATE INDEX identities_by_sealed_key        ON identities (sealing_key(sealed), seq) WHERE sealing_key(sealed) IS NOT NULL;
CREATE INDEX keys_by_sealed_key              ON keys (sealing_key(sealed), id) WHERE sealing_key(sealed) IS NOT NULL;
CREATE INDEX receipts_by_words_key           ON receipts (sealing_key(words), id) WHERE sealing_key(words) IS NOT NULL;
CREATE INDEX reviews_by_words_key            ON reviews (sealing_key(words), seq) WHERE sealing_key(words) IS NOT NULL;
CREATE INDEX users_by_sealed_name_key        ON users (sealing_key(sealed_name), tenant, id) WHERE sealing_key(sealed_name) IS NOT NULL;
CREATE INDEX users_by_sealed_summary_key     ON users (sealing_key(sealed_summary), tenant, id) WHERE sealing_key(sealed_summary) IS NOT NULL;
CREATE INDEX transfers_by_sealed_moved_key   ON transfers (sealing_key(sealed_moved), id) WHERE sealing_key(sealed_moved) IS NOT NULL;
