-- Who consumes a subscription now: held until then unless renewed; null = nobody.
ALTER TABLE subscriptions
    ADD COLUMN held_until timestamptz,
    ADD COLUMN held_by    text;                      -- the consumer's address, for people
