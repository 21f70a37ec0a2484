-- Models, domains, jobs with their chunk ledger, rows, embeddings, terms, the delivery log and its readers.
-- Runs in one transaction, under the migration lock.

CREATE EXTENSION IF NOT EXISTS vector;

-- A vector knows its model. `encodable` = false: the vectors came with the source and we cannot make more of them.
CREATE TABLE models (
    model_id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text    NOT NULL,
    revision    text    NOT NULL,
    dimension   integer NOT NULL CHECK (dimension BETWEEN 1 AND 16000),
    normalised  boolean NOT NULL,
    encodable   boolean NOT NULL,
    location    text    NOT NULL DEFAULT '',   -- the name or path it is loaded from on every worker; '' = built in
    UNIQUE (name, revision, dimension, normalised),
    UNIQUE (model_id, dimension)
);

-- One row a domain: its active model and the end of its log. Updating it is what puts commits in order.
CREATE TABLE domains (
    domain    text   PRIMARY KEY,
    head      bigint NOT NULL DEFAULT 0 CHECK (head >= 0),
    epoch     uuid   NOT NULL,
    model_id  integer NOT NULL REFERENCES models
);

CREATE SEQUENCE job_sequence;

CREATE TABLE jobs (
    job_id        text   PRIMARY KEY,
    seq           bigint UNIQUE,                -- taken when the job first starts; the later one wins a row
    domain        text   NOT NULL,
    source        text   NOT NULL,              -- absolute path
    request       jsonb  NOT NULL,              -- what was asked: chunk_size, max_dead, source, id_column, text_columns
    plan          jsonb,                        -- what was decided at the start: columns, key, text
    fingerprint   jsonb,                        -- size, mtime_ns and digest of the source at the start
    model_id      integer REFERENCES models,
    state         text   NOT NULL DEFAULT 'queued'
                  CHECK (state IN ('queued', 'splitting', 'running', 'completed', 'partial', 'failed', 'cancelled')),
    max_dead      bigint NOT NULL DEFAULT 0 CHECK (max_dead >= 0),
    rows_total    bigint NOT NULL DEFAULT 0,
    rows_written  bigint NOT NULL DEFAULT 0,
    rows_unchanged bigint NOT NULL DEFAULT 0,
    rows_skipped  bigint NOT NULL DEFAULT 0,
    rows_dead     bigint NOT NULL DEFAULT 0,
    texts_encoded bigint NOT NULL DEFAULT 0,
    chunks_total  integer NOT NULL DEFAULT 0,
    chunks_done   integer NOT NULL DEFAULT 0,
    error         text,
    enqueued_at   timestamptz NOT NULL DEFAULT now(),  -- when its ingest_file message was last sent
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    finished_at   timestamptz
) WITH (fillfactor = 70);

CREATE INDEX jobs_open ON jobs (state) WHERE state IN ('queued', 'splitting', 'running');

-- The ledger. A lease is an attempt number, a deadline, and a session lock that dies with its holder.
CREATE TABLE chunks (
    job_id        text    NOT NULL REFERENCES jobs ON DELETE CASCADE,
    chunk_no      integer NOT NULL,
    first_row     bigint  NOT NULL,
    row_count     integer NOT NULL CHECK (row_count > 0),
    superseded    bigint[] NOT NULL DEFAULT '{}',      -- rows that lose to a later row of the same key
    occurrences   jsonb,                               -- row → occurrence number, where keys are content hashes
    state         text    NOT NULL DEFAULT 'waiting'
                  CHECK (state IN ('waiting', 'enqueued', 'done', 'failed')),
    attempt       integer NOT NULL DEFAULT 0,
    crashes       integer NOT NULL DEFAULT 0,          -- attempts that ended without a word
    failures      integer NOT NULL DEFAULT 0,          -- attempts that ended with an error
    halved        boolean NOT NULL DEFAULT false,      -- part of a chunk that killed its workers
    lease_until   timestamptz,
    enqueued_at   timestamptz,
    written       integer NOT NULL DEFAULT 0,
    unchanged     integer NOT NULL DEFAULT 0,
    skipped       integer NOT NULL DEFAULT 0,
    dead          integer NOT NULL DEFAULT 0,
    texts_encoded integer NOT NULL DEFAULT 0,
    error         text,
    PRIMARY KEY (job_id, chunk_no)
) WITH (fillfactor = 70);

CREATE INDEX chunks_open ON chunks (job_id, chunk_no) WHERE state IN ('waiting', 'enqueued');

-- A key that is no UUID gets a UUIDv7 once. `scope` is the source for `document`, else empty.
CREATE TABLE identities (
    domain  text NOT NULL,
    scope   text NOT NULL,
    key     text NOT NULL,
    row_id  uuid NOT NULL,
    PRIMARY KEY (domain, scope, key)
);
CREATE INDEX identities_row ON identities (domain, row_id);

CREATE TABLE rows (
    domain         text   NOT NULL REFERENCES domains,
    row_id         uuid   NOT NULL,
    source         text   NOT NULL,
    key            text   NOT NULL,
    payload        jsonb  NOT NULL,
    text           text,                         -- what was embedded; null where the vector came with the source
    content_hash   bytea  NOT NULL,
    wire           bytea  NOT NULL,              -- the row's protobuf message less its vectors and model
    job_seq        bigint NOT NULL,              -- the job whose content this is
    seen_seq       bigint NOT NULL,              -- the newest job whose source held this row
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain, row_id)
) WITH (fillfactor = 90);
ALTER TABLE rows ALTER COLUMN wire SET STORAGE EXTERNAL; -- read in bulk by the gateway: no time for decompression
CREATE INDEX rows_source ON rows (domain, source);

CREATE TABLE embeddings (
    domain     text     NOT NULL,
    row_id     uuid     NOT NULL,
    model_id   integer  NOT NULL,
    passage    smallint NOT NULL CHECK (passage >= 0),
    dimension  integer  NOT NULL,
    start_char integer  NOT NULL,
    end_char   integer  NOT NULL,
    text_hash  bytea,                            -- of the passage: finds a vector that exists already; null = from the source
    vector     vector   NOT NULL,
    PRIMARY KEY (domain, row_id, model_id, passage),
    FOREIGN KEY (domain, row_id) REFERENCES rows ON DELETE CASCADE,
    FOREIGN KEY (model_id, dimension) REFERENCES models (model_id, dimension),
    CHECK (vector_dims(vector) = dimension),
    CHECK (vector_norm(vector) > 0)              -- pgvector itself refuses NaN and infinity
);
CREATE INDEX embeddings_text ON embeddings (model_id, text_hash) WHERE text_hash IS NOT NULL;

-- What BM25 needs of a row: which terms, how often, how long. Term ids are hashes of (domain, term).
CREATE TABLE row_terms (
    domain    text  NOT NULL,
    row_id    uuid  NOT NULL,
    terms     integer[] NOT NULL,
    counts    sparsevec NOT NULL,                -- term id → occurrences in the row
    length    integer NOT NULL,                  -- all occurrences
    PRIMARY KEY (domain, row_id),
    FOREIGN KEY (domain, row_id) REFERENCES rows ON DELETE CASCADE
);
CREATE INDEX row_terms_any ON row_terms USING gin (terms);

-- The delivery log: gap-free positions in commit order; kind 0 = the row as it is now, 1 = a tombstone. Positions live
-- here only, not in `rows`: they are known last, under the domain's lock, and a second write of a wide row would cost more.
CREATE TABLE log (
    domain         text     NOT NULL REFERENCES domains,
    position       bigint   NOT NULL,
    row_id         uuid     NOT NULL,
    kind           smallint NOT NULL DEFAULT 0 CHECK (kind IN (0, 1)),
    first_position bigint   NOT NULL,            -- the row's first entry ever: what a checkpoint by uuid stands for
    superseded_by  bigint,                       -- the row's next entry; null = this is its newest
    PRIMARY KEY (domain, position)
) WITH (fillfactor = 90);
CREATE INDEX log_row ON log (domain, row_id);

-- One entry for each stretch of the log that was committed together. A queue entry is good only if it carries the same
-- nonce and the batch is still `intact`: none of its rows changed or went since.
CREATE TABLE log_batches (
    domain         text    NOT NULL REFERENCES domains,
    first_position bigint  NOT NULL,
    last_position  bigint  NOT NULL,
    epoch          uuid    NOT NULL,
    nonce          bigint  NOT NULL,
    intact         boolean NOT NULL DEFAULT true,
    job_id         text,
    model_id       integer NOT NULL REFERENCES models,
    committed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (domain, first_position)
);

CREATE TABLE dead_letters (
    job_id      text   NOT NULL REFERENCES jobs ON DELETE CASCADE,
    row_no      bigint NOT NULL,
    chunk_no    integer NOT NULL,
    domain      text   NOT NULL,
    row_id      uuid,                            -- known once a key could be read
    reason      text   NOT NULL,
    normal_form text,                            -- JSON text as in `rows`; null when the row could not even be read
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, row_no)
);

CREATE TABLE subscriptions (
    domain       text   NOT NULL REFERENCES domains,
    name         text   NOT NULL,
    position     bigint NOT NULL DEFAULT 0,
    epoch        uuid   NOT NULL,
    generation   bigint NOT NULL DEFAULT 0,      -- fences the consumer before the present one
    rows_acked   bigint NOT NULL DEFAULT 0,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain, name)
);
