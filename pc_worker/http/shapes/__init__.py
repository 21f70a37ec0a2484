"""Other products' shapes of our requests and answers, as plain functions of values."""
