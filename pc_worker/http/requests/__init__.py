"""What each request passes: its limits, its caller and role, its body, its errors, its metrics."""
