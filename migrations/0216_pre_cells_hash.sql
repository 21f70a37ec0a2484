-- The hash of the source's cells that a row was made of, and the beginning of its content hash: a row with equal cells is
-- recognised before it is cleaned. Null for rows of earlier versions and of dead letters that were retried.
ALTER TABLE rows ADD COLUMN cells_hash bytea;
