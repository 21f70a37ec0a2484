-- When a domain's present or last purge of the log began: the next run continues what is unfinished, then takes the domain
-- whose turn is the longest ago, so that one with much to purge does not keep the others waiting.
ALTER TABLE log_purges ADD COLUMN begun_at timestamptz NOT NULL DEFAULT now();
