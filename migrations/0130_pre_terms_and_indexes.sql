-- By which rules the search terms of a row were made (terms.py: RULES), so that a search asks by all rules in use and
-- `index build --terms` finds the rows that need new terms. A writer that does not know the column makes them by rules 1.
ALTER TABLE row_terms    ADD COLUMN rules smallint NOT NULL DEFAULT 1;
ALTER TABLE parked_terms ADD COLUMN rules smallint NOT NULL DEFAULT 1;

-- The oldest rules of a domain's rows when its statistics were counted.
ALTER TABLE search_statistics ADD COLUMN oldest_rules smallint NOT NULL DEFAULT 1;

-- A vector index over the signs of the numbers (one bit each), or over the first numbers only; both are ordered again by
-- the full vectors. A version that does not know these columns compares all vectors instead.
ALTER TABLE vector_indexes
    ADD COLUMN bits       boolean NOT NULL DEFAULT false,
    ADD COLUMN dimensions integer CHECK (dimensions > 0); -- null = all
