-- What a domain's rows were made by, beyond the model: a changed declaration is noticed, not met row by row.
ALTER TABLE domains ADD COLUMN declaration jsonb; -- arm and key columns; null = opened before this, not noted yet
