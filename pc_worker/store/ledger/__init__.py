"""The ledger: jobs, chunks and their leases, dead letters, the inbox."""
