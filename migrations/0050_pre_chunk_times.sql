-- What a chunk took, for `status` and `plan`: null for chunks that were done before, and by workers of the version before.

ALTER TABLE chunks
    ADD COLUMN done_at        timestamptz,
    ADD COLUMN tokens_encoded integer,
    ADD COLUMN stage_seconds  real[];                -- read, clean, embed, write

-- When a model ceased to be the active one of a domain; null while it is active, and for one that never was: a backfill
-- may be at work on it. Its vectors stay for a retention, so that switching back stays possible.
ALTER TABLE models ADD COLUMN retired_at timestamptz;

-- Rate limits: when the next chunk of a limited domain may begin.
CREATE TABLE domain_pace (
    domain  text PRIMARY KEY,
    next_at timestamptz NOT NULL
);
