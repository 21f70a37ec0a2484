"""How a domain is declared, and how its fields are mapped to the columns of a source."""
