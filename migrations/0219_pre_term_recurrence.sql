-- How often a word is repeated in the rows that have it, compared with the other words of the domain: a text repeats its
-- subject, but not its turns of phrase, so a query's word weighs more by it. 1 until it is counted.
ALTER TABLE term_statistics ADD COLUMN recurrence real NOT NULL DEFAULT 1;
-- Whether the last count had it: statistics of the version before are counted again although no row changed.
ALTER TABLE search_statistics ADD COLUMN recurrence_counted boolean NOT NULL DEFAULT false;
