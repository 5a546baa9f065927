-- Names, summaries, and what a merge or a split notes of two profiles are sealed. What was in the clear until now stands behind
-- a '-' until a worker has sealed it, under the key ''.
ALTER TABLE users     ADD COLUMN sealed_name    BLOB;
ALTER TABLE users     ADD COLUMN sealed_summary BLOB;
ALTER TABLE transfers ADD COLUMN sealed_moved   BLOB;

UPDATE users     SET sealed_name    = CAST('-' || name AS BLOB)    WHERE name <> '';
UPDATE users     SET sealed_summary = CAST('-' || summary AS BLOB) WHERE summary <> '';
UPDATE transfers SET sealed_moved   = CAST('-' || moved AS BLOB);

ALTER TABLE users     DROP COLUMN name;
ALTER TABLE users     DROP COLUMN summary;
ALTER TABLE transfers DROP COLUMN moved;

-- As in 0014.
ALTER TABLE users ADD COLUMN sealed_name_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(sealed_name, 1, 1) = x'2d' THEN ''
         WHEN substr(sealed_name, 1, 1) = x'01' AND substr(sealed_name, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(sealed_name, 3, unicode(CAST(substr(sealed_name, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;
ALTER TABLE users ADD COLUMN sealed_summary_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(sealed_summary, 1, 1) = x'2d' THEN ''
         WHEN substr(sealed_summary, 1, 1) = x'01' AND substr(sealed_summary, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(sealed_summary, 3, unicode(CAST(substr(sealed_summary, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;
ALTER TABLE transfers ADD COLUMN sealed_moved_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(sealed_moved, 1, 1) = x'2d' THEN ''
         WHEN substr(sealed_moved, 1, 1) = x'01' AND substr(sealed_moved, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(sealed_moved, 3, unicode(CAST(substr(sealed_moved, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;

CREATE INDEX users_by_sealed_name_key ON users (sealed_name_key) WHERE sealed_name_key IS NOT NULL;
CREATE INDEX users_by_sealed_summary_key ON users (sealed_summary_key) WHERE sealed_summary_key IS NOT NULL;
CREATE INDEX transfers_by_sealed_moved_key ON transfers (sealed_moved_key) WHERE sealed_moved_key IS NOT NULL;
