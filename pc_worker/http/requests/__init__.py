"""What each request passes: its context, limits, caller and role, body, errors and metrics."""
