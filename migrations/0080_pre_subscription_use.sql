-- When a subscription was last consumed, and when it last acknowledged something: without either for long, it goes.
ALTER TABLE subscriptions
    ADD COLUMN used_at  timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN acked_at timestamptz;                     -- null = never: there is no progress to lose
UPDATE subscriptions SET acked_at = updated_at WHERE position > 0;
