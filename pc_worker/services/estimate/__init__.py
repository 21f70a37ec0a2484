"""What an ingest would cost, before it is started."""
