-- By which rules the search terms of a row were made (terms.py: RULES), so that a search asks by all rules in use and
-- `index build --terms` finds the rows that need new terms. A writer that does not know the column makes them by rules 1.
ALTER TABLE row_terms    ADD COLUMN rules smallint NOT NULL DEFAULT 1;
ALTER TABLE parked_terms ADD COLUMN rules smallint NOT NULL DEFAULT 1;

-- The oldest rules of a domain's rows when its statistics were counted.
ALTER TABLE search_statistics ADD COLUMN oldest_rules smallint NOT NULL DEFAULT 1;
