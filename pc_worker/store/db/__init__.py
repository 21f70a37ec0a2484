"""Connections to PostgreSQL: sessions, COPY, migrations, driver errors."""
