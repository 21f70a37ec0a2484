"""The models of a domain: the first one, and the change to another."""
