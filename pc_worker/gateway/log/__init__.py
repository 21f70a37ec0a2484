"""Reading a delivery log for clients: read plan, read-ahead, notification."""
