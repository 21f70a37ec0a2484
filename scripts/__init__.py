"""Tools for the people who work on the project; nothing here is part of the product."""
