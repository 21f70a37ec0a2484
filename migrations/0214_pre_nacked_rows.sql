-- Rows that a subscription's consumer could not store: waiting for their next delivery, or dead letters. A row is delivered
-- again only while its log entry here is its newest; a newer version comes in the log's order.
CREATE TABLE nacked_rows (
    domain     text    NOT NULL,
    name       text    NOT NULL,                 -- of the subscription
    row_id     uuid    NOT NULL,
    position   bigint  NOT NULL,
    deliveries integer NOT NULL,
    reason     text    NOT NULL,
    due_at     timestamptz,                      -- null = dead letter
    nacked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain, name, row_id)
);
CREATE INDEX nacked_rows_due ON nacked_rows (domain, name, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX nacked_rows_row ON nacked_rows (domain, row_id);

-- How far calls had sent that broke off before an acknowledgement: one position for each, newest last. A row is delivered
-- once more for each mark that is not before its position.
ALTER TABLE subscriptions ADD COLUMN sent_marks bigint[] NOT NULL DEFAULT '{}';
