"""The console: pages rendered on the server, for people who operate the line; its truth is the ledger."""
