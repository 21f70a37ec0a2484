"""The delivery log: read, acknowledge, notify, push."""
