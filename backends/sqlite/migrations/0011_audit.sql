-- Who has looked at, changed, exported or erased what is known of whom: ids, times and codes. Append-only: not even this
-- program can change or remove a row. No key into `users` or `keys`: it outlives both.
CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT    NOT NULL UNIQUE,
    tenant TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    action TEXT    NOT NULL,
    route  TEXT    NOT NULL,
    person BLOB,
    object TEXT,
    status INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_by_time   ON audit (tenant, at DESC, id);
CREATE INDEX audit_by_person ON audit (tenant, person, at DESC, id) WHERE person IS NOT NULL;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
