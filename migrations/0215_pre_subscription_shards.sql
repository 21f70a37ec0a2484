-- Several consumers of one subscription: each shard is a row of its own, named NAME/SHARD, with its own position and lease.
-- A filter belongs to the whole subscription. Where nothing is set, a row is a subscription without shards or filter.
ALTER TABLE subscriptions
    ADD COLUMN consumer    text,                         -- the subscription's name, if it has shards
    ADD COLUMN shard       integer NOT NULL DEFAULT 0,
    ADD COLUMN shards      integer NOT NULL DEFAULT 1,
    ADD COLUMN filter      text,                         -- JSON in one form, so that equal filters are equal texts
    ADD COLUMN filter_from bigint  NOT NULL DEFAULT 0;   -- up to here, consumers may have rows that the filter excludes
