-- Derived stores: vectors and words; the other SQL store has neither. Vectors of a space lie in a table of their own,
-- `vectors_<number>`, which the first write to the space makes: not before then pgvector has to be there.
CREATE TABLE spaces (
    number     INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model      TEXT COLLATE "C" NOT NULL,
    dimensions INTEGER NOT NULL,
    UNIQUE (model, dimensions)
);

-- What a document is found by. `length` counts its words, `language` says how they were brought to their stems: documents of
-- another one than is configured are as good as missing. A caller's lie together in the key, and nobody else's are read.
CREATE TABLE words (
    tenant   TEXT COLLATE "C" NOT NULL,
    caller   TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    sector   TEXT     NOT NULL,
    language TEXT COLLATE "C" NOT NULL,
    length   INTEGER  NOT NULL,
    lexemes  TSVECTOR NOT NULL,
    PRIMARY KEY (tenant, caller, id)
);
