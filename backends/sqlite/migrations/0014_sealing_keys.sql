-- By which encryption key a value is sealed: its id stands in front of it, behind its length. Computed, so that it is never
-- behind; indexed, so that the keys in use are known without reading a value. NULL for what is not of our making.
ALTER TABLE conversations ADD COLUMN extraction_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(extraction, 1, 1) = x'01' AND substr(extraction, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(extraction, 3, unicode(CAST(substr(extraction, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;
ALTER TABLE conversations ADD COLUMN transcript_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(transcript, 1, 1) = x'01' AND substr(transcript, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(transcript, 3, unicode(CAST(substr(transcript, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;
ALTER TABLE erasures ADD COLUMN work_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(work, 1, 1) = x'01' AND substr(work, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(work, 3, unicode(CAST(substr(work, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;
ALTER TABLE events ADD COLUMN body_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(body, 1, 1) = x'01' AND substr(body, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(body, 3, unicode(CAST(substr(body, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;
ALTER TABLE identities ADD COLUMN sealed_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(sealed, 1, 1) = x'01' AND substr(sealed, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(sealed, 3, unicode(CAST(substr(sealed, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;
ALTER TABLE keys ADD COLUMN sealed_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(sealed, 1, 1) = x'01' AND substr(sealed, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(sealed, 3, unicode(CAST(substr(sealed, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;
ALTER TABLE receipts ADD COLUMN words_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(words, 1, 1) = x'01' AND substr(words, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(words, 3, unicode(CAST(substr(words, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;
ALTER TABLE reviews ADD COLUMN words_key TEXT GENERATED ALWAYS AS (
    CASE WHEN substr(words, 1, 1) = x'01' AND substr(words, 2, 1) BETWEEN x'01' AND x'20'
         THEN CAST(substr(words, 3, unicode(CAST(substr(words, 2, 1) AS TEXT))) AS TEXT) END
) VIRTUAL;

CREATE INDEX conversations_by_extraction_key ON conversations (extraction_key) WHERE extraction_key IS NOT NULL;
CREATE INDEX conversations_by_transcript_key ON conversations (transcript_key) WHERE transcript_key IS NOT NULL;
CREATE INDEX erasures_by_work_key ON erasures (work_key) WHERE work_key IS NOT NULL;
CREATE INDEX events_by_body_key ON events (body_key) WHERE body_key IS NOT NULL;
CREATE INDEX identities_by_sealed_key ON identities (sealed_key) WHERE sealed_key IS NOT NULL;
CREATE INDEX keys_by_sealed_key ON keys (sealed_key) WHERE sealed_key IS NOT NULL;
CREATE INDEX receipts_by_words_key ON receipts (words_key) WHERE words_key IS NOT NULL;
CREATE INDEX reviews_by_words_key ON reviews (words_key) WHERE words_key IS NOT NULL;
