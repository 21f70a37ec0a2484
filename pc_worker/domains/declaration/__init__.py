"""How a domain is declared, and how it meets a source's columns."""
