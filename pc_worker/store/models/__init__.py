"""The models of each domain, and the switch from one to the next."""
