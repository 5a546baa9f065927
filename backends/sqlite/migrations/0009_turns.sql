-- Whose turn it was last, of the tenants whose jobs wait: one row.
CREATE TABLE job_turn (
    one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    tenant TEXT    NOT NULL
) STRICT;

-- The earliest job of a tenant, and the next tenant, are one step away, however much another one has waiting.
CREATE INDEX jobs_by_turn ON jobs (tenant, run_at, created_at, id) WHERE state IN ('pending', 'retrying');

DROP INDEX jobs_waiting;

-- JSON: the last failures, without their texts; and when, by whom and why a job was given up.
ALTER TABLE jobs ADD COLUMN failures TEXT NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN discard TEXT;
