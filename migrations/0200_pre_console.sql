-- What people did in the console: who, what, on what, from where, and how it ended.
CREATE TABLE audit (
    audit_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    caller    text  NOT NULL,     -- the token's name or the beginning of its digest; empty without tokens
    host      text  NOT NULL,
    action    text  NOT NULL,
    target    jsonb NOT NULL,
    domain    text,
    outcome   text  NOT NULL
);
-- Hits that people judged in the console; `eval` reads them as a file.
CREATE TABLE judged_hits (
    domain    text NOT NULL,
    query     text NOT NULL,
    row_id    uuid NOT NULL,
    grade     real NOT NULL CHECK (grade >= 0),
    judged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain, query, row_id)
);
