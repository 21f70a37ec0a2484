-- The key that seals the entries of a domain's queue: whoever can write to Redis, but not read here, cannot make one up.
-- A new epoch has a new key, whoever begins it; hence the trigger. A table of its own, since the search role reads `domains`.
CREATE TABLE queue_keys (
    domain text  PRIMARY KEY REFERENCES domains ON DELETE CASCADE ON UPDATE CASCADE,
    epoch  uuid  NOT NULL,
    key    bytea NOT NULL CHECK (octet_length(key) = 32)
);

CREATE FUNCTION renew_queue_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO queue_keys (domain, epoch, key)
    VALUES (NEW.domain, NEW.epoch, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())))
    ON CONFLICT (domain) DO UPDATE SET epoch = excluded.epoch, key = excluded.key;
    RETURN NULL;
END
$$;
CREATE TRIGGER queue_key AFTER INSERT OR UPDATE OF epoch ON domains
    FOR EACH ROW EXECUTE FUNCTION renew_queue_key();

INSERT INTO queue_keys (domain, epoch, key)
SELECT domain, epoch, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FROM domains;

-- A file that was put in another's place keeps size and time, but not the time of that change; null = seen before this.
ALTER TABLE inbox_files ADD COLUMN ctime_ns bigint;

-- Entries of the inbox that cannot be taken up, so that each is told once, and not at every scan.
CREATE TABLE inbox_troubles (
    entry_hash bytea PRIMARY KEY,    -- of the path's bytes, which need not be text
    entry      text NOT NULL,        -- the path, escaped
    reason     text NOT NULL,
    told_at    timestamptz NOT NULL DEFAULT now()
);
