"""One PostgreSQL connection: sessions, COPY, migrations, driver errors."""
