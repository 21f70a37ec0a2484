-- What a job's embeddings cost so far, with what its chunks at work have reserved; null = no engine with a price.
ALTER TABLE jobs ADD COLUMN cost_usd double precision CHECK (cost_usd >= 0);
