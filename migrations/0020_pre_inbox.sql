-- Files that the inbox scan has seen: taken up once they have stopped changing.
CREATE TABLE inbox_files (
    path      text   PRIMARY KEY,
    domain    text   NOT NULL,
    size      bigint NOT NULL,
    mtime_ns  bigint NOT NULL,
    digest    text,                 -- null until the file has stopped changing
    job_id    text,
    seen_at   timestamptz NOT NULL DEFAULT now()
);
