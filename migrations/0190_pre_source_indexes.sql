-- Indexes of sources in object stores, for the workers of all machines: made once, fetched by the others.
CREATE TABLE source_indexes (
    name     text    NOT NULL,   -- the name of the index in the spool: of URL, size, time and reading options
    part     integer NOT NULL,
    data     bytea   NOT NULL,
    used_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, part)
);
ALTER TABLE source_indexes ALTER COLUMN data SET STORAGE EXTERNAL; -- numbers that do not compress
