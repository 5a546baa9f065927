-- The space the memories' vectors are complete in; one row or none.
CREATE TABLE space (
    only_one   INTEGER PRIMARY KEY CHECK (only_one = 1),
    model      TEXT    NOT NULL,
    dimensions INTEGER NOT NULL
) STRICT;
