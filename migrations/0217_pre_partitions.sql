-- Domains whose rows are in partitions of their own. `migrate --partition` adds an entry, copies the tables in steps, and sets
-- `done_at` when the partitions take the place of the tables.
CREATE TABLE partitions (
    domain   text    PRIMARY KEY,
    number   integer GENERATED ALWAYS AS IDENTITY UNIQUE, -- part of the names of its tables: rows_p1, embeddings_p1 …
    parts    integer NOT NULL CHECK (parts BETWEEN 1 AND 1024),
    log_span bigint  NOT NULL CHECK (log_span > 0),       -- positions in each range of its log
    copied   jsonb   NOT NULL DEFAULT '{}',               -- table → the key up to which it is copied
    begun_at timestamptz NOT NULL DEFAULT now(),
    done_at  timestamptz                                  -- null = being copied
);
