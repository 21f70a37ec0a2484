-- The kind of a failed job's error: its text alone does not say whether the file, or what the workers have, must be changed.
ALTER TABLE jobs ADD COLUMN error_code text;
