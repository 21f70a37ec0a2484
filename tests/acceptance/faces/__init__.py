"""The HTTP part over a real stack, by the clients that people use."""
