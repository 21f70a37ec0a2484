-- What was forgotten, under which number of the jobs' sequence: no job that began before brings it back. A mark is the
-- sha256 of what it stands for (a row, a key of a source, a source), so that no forgotten key is kept in the clear. It goes
-- as soon as no older job can go on.
CREATE TABLE forgotten (
    domain       text   NOT NULL,
    mark         bytea  NOT NULL,
    seq          bigint NOT NULL,
    forgotten_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (domain, mark)
);
CREATE INDEX forgotten_seq ON forgotten (domain, seq);
CREATE INDEX forgotten_lately ON forgotten (domain, forgotten_at);

-- Rows that are too large for the wire with a model's vectors: they have none of that model, and are in no log while it is
-- the active one. Holds for the content of this hash only.
CREATE TABLE model_refusals (
    domain       text    NOT NULL,
    row_id       uuid    NOT NULL,
    model_id     integer NOT NULL REFERENCES models,
    content_hash bytea   NOT NULL,
    wire_bytes   bigint  NOT NULL,
    refused_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain, row_id, model_id),
    FOREIGN KEY (domain, row_id) REFERENCES rows ON DELETE CASCADE
);

-- The search terms of such rows while they are in no log: what is not delivered is not found.
CREATE TABLE parked_terms (LIKE row_terms INCLUDING DEFAULTS);
ALTER TABLE parked_terms
    ADD COLUMN content_hash bytea NOT NULL,
    ADD PRIMARY KEY (domain, row_id),
    ADD FOREIGN KEY (domain, row_id) REFERENCES rows ON DELETE CASCADE;
