"""The HTTP part against the gateway and against `cp`, and what it costs."""
