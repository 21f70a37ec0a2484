-- The push to stock batch servers: how far each has got, and which rows it does not take.

CREATE TABLE push_checkpoints (
    domain     text   NOT NULL REFERENCES domains,
    address    text   NOT NULL,                  -- HOST:PORT of the batch server
    epoch      uuid   NOT NULL,                  -- of the log that the position is a place in; another one = from the start
    position   bigint NOT NULL CHECK (position >= 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain, address)
);

-- No dead letters: these rows are written, and counted so in their jobs. Gone with the row, or when the server takes it.
CREATE TABLE push_refusals (
    domain     text   NOT NULL,
    row_id     uuid   NOT NULL,
    address    text   NOT NULL,
    position   bigint NOT NULL,                  -- where in the log it was refused
    job_id     text,                             -- that wrote the refused version
    reason     text   NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain, row_id, address),
    FOREIGN KEY (domain, row_id) REFERENCES rows ON DELETE CASCADE
);
