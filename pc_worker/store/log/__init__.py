"""The delivery log: append, read, subscriptions, notifications, and the state of the push."""
