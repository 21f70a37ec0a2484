-- How far the purge of a domain's superseded log entries has come: it reads all positions up to `bound` in ranges, each in a
-- transaction of its own, and begins again when more entries are past their retention.
CREATE TABLE log_purges (
    domain   text   PRIMARY KEY,
    position bigint NOT NULL,
    bound    bigint NOT NULL
);
