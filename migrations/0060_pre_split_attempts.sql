-- Attempts to split a job's source, counted as a chunk's are: without a word, and with an error.
ALTER TABLE jobs
    ADD COLUMN split_crashes  integer NOT NULL DEFAULT 0,
    ADD COLUMN split_failures integer NOT NULL DEFAULT 0;

-- When the sender of a rate-limited domain's chunks is called next; null = nothing waits for its time.
ALTER TABLE domain_pace ADD COLUMN wake_at timestamptz;
