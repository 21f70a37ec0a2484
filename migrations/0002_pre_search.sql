-- What search needs beside the rows: BM25's statistics, the vector indexes with their tuning, and a role that only reads.

-- Collection statistics of a domain, refreshed after loads; k1 and b are BM25's settings, kept here so that all agree.
CREATE TABLE search_statistics (
    domain       text PRIMARY KEY,
    documents    bigint NOT NULL,
    mean_length  double precision NOT NULL,      -- words a row
    head         bigint NOT NULL,                -- of the domain's log when this was counted
    k1           double precision NOT NULL DEFAULT 1.2 CHECK (k1 > 0),
    b            double precision NOT NULL DEFAULT 0.75 CHECK (b BETWEEN 0 AND 1),
    refreshed_at timestamptz NOT NULL DEFAULT now()
);

-- In how many rows of the domain a word, or a facet of very many rows, occurs.
CREATE TABLE term_statistics (
    domain    text    NOT NULL,
    term      integer NOT NULL,
    documents integer NOT NULL,
    PRIMARY KEY (domain, term)
);

-- The vector index of a (domain, model): what it was built with, how it is searched, and how well that finds.
CREATE TABLE vector_indexes (
    domain          text    NOT NULL,
    model_id        integer NOT NULL REFERENCES models,
    index_name      text    NOT NULL UNIQUE,
    method          text    NOT NULL CHECK (method IN ('hnsw', 'ivfflat')),
    half            boolean NOT NULL,            -- halfvec: half the size, ordered again by the full vectors
    lists           integer,                     -- ivfflat
    rows            bigint  NOT NULL,            -- when it was built, and
    vectors         bigint  NOT NULL,            -- their passages
    breadth         integer NOT NULL,            -- ef_search of hnsw, probes of ivfflat
    target          double precision NOT NULL DEFAULT 0.95, -- mean recall@10 that breadth was chosen for
    recall_mean     double precision,
    recall_min      double precision,
    measured_at     timestamptz,
    built_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain, model_id)
);

-- Numbers and times of a payload's value; null where it is neither, so that no value can fail a search. A range that is
-- often asked for can have an index: CREATE INDEX ON rows (payload_number(payload -> 'size')) WHERE domain = 'document'.
CREATE FUNCTION payload_number(value jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(value) IN ('number', 'string')
                 AND value #>> '{}' ~ '^[+-]?[0-9]{1,255}([.][0-9]{1,255})?$' THEN (value #>> '{}')::numeric END
$$;

CREATE FUNCTION payload_time(value jsonb) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE STRICT
SET timezone = 'UTC' AS $$
BEGIN
    IF jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN
        RETURN (value #>> '{}')::timestamptz;
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

-- Search runs as this role. Roles belong to the whole server and may be out of our hands there: then search has its
-- read-only transactions alone.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pcw_reader') THEN
        CREATE ROLE pcw_reader NOLOGIN;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'search has no role of its own: %', SQLERRM;
    WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server made it at this moment
END
$$;
DO $$
BEGIN
    EXECUTE format('GRANT pcw_reader TO %I', current_user);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO pcw_reader', current_schema());
    GRANT SELECT ON domains, models, rows, embeddings, row_terms, search_statistics, term_statistics, vector_indexes
        TO pcw_reader;
EXCEPTION
    WHEN insufficient_privilege OR undefined_object OR invalid_grant_operation THEN
        RAISE NOTICE 'search has no role of its own: %', SQLERRM;
END
$$;
