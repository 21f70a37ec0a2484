-- Every answer: who asked what, which models were tried, what it cost. Text is null once its retention is over.
CREATE TABLE answers (
    answer_id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    token text NOT NULL, -- sha256 of the caller's token; empty without one
    domain text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'answered', 'refused', 'failed')),
    cache_key bytea NOT NULL,
    cached boolean NOT NULL DEFAULT false,
    question text,
    request jsonb, -- k, where, the model that was asked for, the question as it was before it was rewritten
    prompt text NOT NULL, -- name, version and hash
    model text,
    attempts jsonb NOT NULL DEFAULT '[]', -- each model that was asked: outcome, why it failed, tokens, cost, seconds
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cost_usd double precision, -- null = the price is unknown
    reserved_usd double precision NOT NULL DEFAULT 0, -- counts against the budget while the answer is written
    took_ms double precision,
    error text,
    document jsonb, -- the whole answer as the caller got it
    row_ids uuid[] NOT NULL DEFAULT '{}', -- of the citations
    rating smallint CHECK (rating BETWEEN -1 AND 1),
    comment text
);
CREATE INDEX answers_created ON answers (created_at);
CREATE INDEX answers_cache ON answers (cache_key, created_at) WHERE document IS NOT NULL AND NOT cached;
CREATE INDEX answers_rows ON answers USING gin (row_ids) WHERE document IS NOT NULL;
