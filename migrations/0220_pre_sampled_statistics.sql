-- The rows from which the search statistics of a large domain were estimated; null = all of its rows were counted.
ALTER TABLE search_statistics ADD COLUMN sampled_rows bigint;
