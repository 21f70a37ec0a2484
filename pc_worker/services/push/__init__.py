"""The client's side of a stock batch server."""
